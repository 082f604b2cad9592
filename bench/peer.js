// Times ONNX Runtime (the CPU library inside the npm package onnxruntime-node) on models.
//
//   node peer.js RUNS THREADS MODEL.onnx…      prints: MODEL <tab> median ms
//
// Inputs are filled with seeded noise in [-1, 1]; symbolic dimensions become 1. Batch 1, fp32.
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

async function median(model, runs, threads) {
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
  for (let i = 0; i < 3; i++) await session.run(feeds);
  const ms = [];
  for (let i = 0; i < runs; i++) {
    const start = process.hrtime.bigint();
    await session.run(feeds);
    ms.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  ms.sort((a, b) => a - b);
  return ms[ms.length >> 1];
}

(async () => {
  const [runs, threads, ...models] = process.argv.slice(2);
  for (const model of models)
    console.log(`${model}\t${(await median(model, +runs, +threads)).toFixed(2)}`);
})().catch((e) => { console.error(String(e)); process.exit(1); });
