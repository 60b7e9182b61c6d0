// A handler without manners.
exports.handler = async (event) => {
  if (event.do === "loop") for (;;);
  if (event.do === "eat") for (const all = []; ; ) all.push("x".repeat(1 << 20) + all.length);
  if (event.do === "flood") for (let i = 0; i < 200000; i++) console.log("x".repeat(100));
  return "well";
};
