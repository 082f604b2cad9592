// ONNX Runtime (the CPU library inside the npm package onnxruntime-node) as the peer of cnncc bench:
//
//   cnncc bench MODEL.onnx --threads N --beside "node peer.js N MODEL.onnx"
//
// Loads the model, warms up with three runs, and answers each line of standard input, a number of
// runs, with a line of their milliseconds. Inputs are filled with seeded noise in [-1, 1]; symbolic
// dimensions become 1. Batch 1, fp32.
const readline = require('readline');
const ort = require('onnxruntime-node');

function noise(n) {
  const data = new Float32Array(n);
  let s = 12345;
  for (let i = 0; i < n; i++) {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    data[i] = s / 2147483648 - 1;
  }
  return data;
}

// After a run the library's threads spin for up to 0.1 s, in hope of the next one, and then sleep. An
// answer waits for that, so that they take no time from whoever runs next.
const CALM_MS = 120;

async function load(model, threads) {
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: threads, interOpNumThreads: 1, executionProviders: ['cpu'],
    graphOptimizationLevel: 'all', logSeverityLevel: 3,
    extra: { session: { set_denormal_as_zero: '1' } },
  });
  const feeds = {};
  for (const input of session.inputMetadata) {
    const dims = input.shape.map((d) => (typeof d === 'number' && d > 0 ? d : 1));
    feeds[input.name] = new ort.Tensor('float32', noise(dims.reduce((a, b) => a * b, 1)), dims);
  }
  return () => session.run(feeds);
}

// The milliseconds of each of `runs` runs.
async function time(run, runs) {
  const ms = [];
  for (let i = 0; i < runs; i++) {
    const start = process.hrtime.bigint();
    await run();
    ms.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  return ms;
}

(async () => {
  const [threads, model] = process.argv.slice(2);
  const requests = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const run = await load(model, +threads);
  await time(run, 3);
  for (let line = await requests.next(); !line.done; line = await requests.next()) {
    const ms = await time(run, +line.value);
    if (+threads > 1) await new Promise((calm) => setTimeout(calm, CALM_MS));
    console.log(ms.join(' '));
  }
})().catch((e) => { console.error(String(e)); process.exit(1); });
