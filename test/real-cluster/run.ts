import { Exercises } from './exercises.ts';
import { type GivenCluster, takeCluster } from './given-cluster.ts';
import { buildImages, imageNames } from './images.ts';
import { DeployedPlatform } from './platform.ts';
import { Transcript } from './transcript.ts';

const environment = 'ci';
const firstOrderMaxMs = 180_000;
const addedMaxBytes = 15_000_000;

/**
 * Proves the platform on a real Kubernetes cluster: the one of KUBECONFIG, with the images on its
 * nodes, or one that the scripts of WINDLASS_CLUSTER_SCRIPTS bring up. Prints what it measures and
 * resolves with the exit code.
 */
async function main(): Promise<number> {
  const transcript = new Transcript((line) => process.stdout.write(`${line}\n`));
  const { WINDLASS_CLUSTER_SCRIPTS: scripts, KUBECONFIG: kubeconfig } = process.env;
  let cluster: GivenCluster | undefined;
  try {
    if (scripts !== undefined) await build(transcript);
    transcript.say('taking a cluster');
    cluster = await takeCluster(scripts, kubeconfig);
    releaseOnSignal(cluster);
    if (cluster.load !== undefined) {
      transcript.say('loading the images');
      await cluster.load(await imageNames());
    }
    await prove(transcript, cluster);
  } catch (error) {
    transcript.say(error instanceof Error ? error.message : String(error));
    await transcript.check('the run comes to its end', () => Promise.reject(error));
  } finally {
    await cluster?.release();
  }
  process.stdout.write(`${transcript.totals()}\n`);
  return transcript.isGreen ? 0 : 1;
}

/** Whoever stops the run gets the machine back as it was. */
function releaseOnSignal(cluster: GivenCluster): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cluster.release().finally(() => process.exit(1)));
  }
}

async function build(transcript: Transcript): Promise<void> {
  transcript.say('building the images');
  const images = await buildImages();
  await transcript.check('an image adds at most 15 MB to its base', async () => {
    const great = images.filter(({ addedBytes }) => addedBytes > addedMaxBytes);
    const text = images
      .filter(({ addedBytes }) => addedBytes > 0)
      .map(({ name, addedBytes }) => `${name} ${(addedBytes / 1e6).toFixed(1)} MB`);
    if (great.length > 0) throw new Error(text.join(', '));
    return text.join(', ');
  });
}

async function prove(transcript: Transcript, { kubectl }: GivenCluster): Promise<void> {
  const platform = new DeployedPlatform(kubectl);
  const exercises = new Exercises(kubectl, platform);
  const isUp = await transcript.check('an order is CONFIRMED soon after the apply', async () => {
    const began = performance.now();
    await platform.apply(environment);
    await platform.ready();
    const readyMs = performance.now() - began;
    const order = await exercises.firstOrder();
    const tookMs = performance.now() - began;
    const seconds = (ms: number) => `${(ms / 1_000).toFixed(0)} s`;
    const text = `${seconds(tookMs)} after the apply, ready after ${seconds(readyMs)}; ${order}`;
    if (tookMs > firstOrderMaxMs) throw new Error(text);
    return text;
  });
  const rest = [
    ['a steady load is worked off', () => exercises.steadyLoad()],
    ['a rolling update of every service loses nothing', () => exercises.rollServices()],
    ['each service starts in less than a second', () => exercises.startTimes()],
    ['a rolling update of NATS loses nothing', () => exercises.rollNats()],
    ['the end of a pod of each kind loses nothing', () => exercises.crashPods()],
    ['lag scales a worker out and back', () => exercises.scaleOutAndBack()],
    ['Prometheus has the metrics', () => exercises.metrics()],
    ['every service stays inside its memory', () => exercises.withinMemory()],
  ] as const;
  let isGreen = isUp;
  for (const [title, work] of rest) {
    if (!isUp) transcript.skip(title, 'the platform does not run');
    else isGreen = (await transcript.check(title, work)) && isGreen;
  }
  if (!isGreen) process.stdout.write(`${await platform.diagnosis()}\n`);
}

process.exitCode = await main();
