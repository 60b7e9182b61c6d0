// One call of the handler: what it is given, and the three ways in which it may answer (a promise, a plain value, a callback).
(host, facts) => {
    let call = null;

    const begin = (handler, event, requestId, clientContext) => new Promise((resolve, reject) => {
        const mine = { settled: false, promised: false, held: null, end: null };
        call = mine;
        const once = (settle) => (value) => {
            // An answer that waits for the event loop is the answer: what comes after it means nothing.
            if (mine.settled || mine.held) return;
            mine.settled = true;
            // Nothing refers to itself any more, so that no collector has to look for it.
            mine.end = null;
            settle(value);
        };
        const succeed = once(resolve);
        const fail = once(reject);
        const end = (error, value) => (error === undefined || error === null ? succeed(value) : fail(error));
        mine.end = end;
        const context = {
            callbackWaitsForEmptyEventLoop: true,
            functionName: facts.functionName,
            functionVersion: '$LATEST',
            invokedFunctionArn: facts.invokedFunctionArn,
            memoryLimitInMB: facts.memoryLimitInMB,
            awsRequestId: requestId,
            logGroupName: facts.logGroupName,
            logStreamName: facts.logStreamName,
            ...(typeof clientContext === 'string' ? { clientContext: JSON.parse(clientContext) } : {}),
            getRemainingTimeInMillis: () => host.remaining(),
            succeed,
            fail,
            done: end,
        };
        const callback = (error, value) => {
            if (mine.settled || mine.held) return;
            const failed = error !== undefined && error !== null;
            if (!failed && context.callbackWaitsForEmptyEventLoop) mine.held = { value };
            else end(error, value);
        };
        let returned;
        try {
            returned = handler(event, context, callback);
        } catch (error) {
            // The handler broke, whatever it had said before.
            mine.held = null;
            fail(error);
            return;
        }
        const thenable = returned !== null && (typeof returned === 'object' || typeof returned === 'function')
            && typeof returned.then === 'function';
        if (thenable) {
            mine.promised = true;
            returned.then(succeed, fail);
        } else if (returned !== undefined && handler.length < 3) {
            // A handler that declares a callback answers through it; what it returns besides means nothing.
            succeed(returned);
        }
    });

    // Nothing is left to run: a callback's answer may go out, and silence means null. False when only a dead promise remains.
    const drained = () => {
        if (!call.held && call.promised) return false;
        const value = call.held ? call.held.value : null;
        call.held = null;
        call.end(null, value);
        return true;
    };

    return { begin, drained };
}
