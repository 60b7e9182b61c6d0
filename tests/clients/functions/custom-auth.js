// The three challenge triggers of one pool: the answer is the user's name, written backwards. Two wrong answers end it.
exports.handler = async (event) => {
  const { request, response, triggerSource } = event;
  if (triggerSource === 'DefineAuthChallenge_Authentication') {
    const tries = request.session.filter((step) => step.challengeName === 'CUSTOM_CHALLENGE');
    response.issueTokens = tries.some((step) => step.challengeResult);
    response.failAuthentication = !response.issueTokens && tries.length >= 2;
    if (!response.issueTokens && !response.failAuthentication) response.challengeName = 'CUSTOM_CHALLENGE';
  } else if (triggerSource === 'CreateAuthChallenge_Authentication') {
    response.publicChallengeParameters = { question: 'What is your name backwards?' };
    response.privateChallengeParameters = { answer: [...event.userName].reverse().join('') };
    response.challengeMetadata = 'BACKWARDS';
  } else {
    response.answerCorrect = request.challengeAnswer === request.privateChallengeParameters.answer;
  }
  return event;
};
