import { buildBundles } from '/work/main/test/bench/bundles.ts';
import { Worker } from '/work/main/test/bench/worker.ts';
import { Histogram } from '/work/main/test/bench/histogram.ts';
import { loadResult } from '/work/main/test/bench/generator/load.ts';
import { z } from 'zod';
import { writeFileSync, existsSync } from 'node:fs';
for (const n of ['probe','sink']) if (!existsSync(`/work/main/test/bench/${n}/main.ts`)) writeFileSync(`/work/main/test/bench/${n}/main.ts`, "export {};\n");
const b = await buildBundles('/tmp/bb');
const bare = await Worker.start('bare', b.bare);
const gen = await Worker.start('generator', b.generator);
const { port } = await bare.ask({}, z.object({ kind: z.literal('listening'), port: z.number() }));
for (const extra of [{mode:'closed',connections:64,rate:0},{mode:'closed',connections:64,rate:0,napMs:0.3},{mode:'closed',connections:64,rate:0},{mode:'closed',connections:64,rate:0,napMs:0.3},{mode:'open',connections:512,rate:3000,napMs:1},{mode:'open',connections:512,rate:3000,napMs:2},{mode:'open',connections:64,rate:200}]) {
  const r = await gen.ask({ kind:'load', port, run: 1, warmMs: 2000, runMs: 5000, hot:false, precise:false, timed:false, napMs:0, ...extra }, loadResult);
  const h = Histogram.of(r.latency);
  console.log(extra, Math.round(r.answered/r.seconds), 'req/s', (r.cpuMicros/r.answered).toFixed(1),'us/req', (r.cpuMicros/r.seconds/1e4).toFixed(1)+'%', r.statuses, h.percentile(.5), h.percentile(.99));
}
await gen.stop(); await bare.stop();
