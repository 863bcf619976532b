import { parseArgs } from 'node:util';
import { errorText } from '../../services/runtime/failure/error-text.ts';
import { Exercises } from './exercises.ts';
import { type GivenCluster, NoCluster, takeCluster } from './given-cluster.ts';
import { buildImages, imageNames } from './images.ts';
import { DeployedPlatform } from './platform.ts';
import { Transcript } from './transcript.ts';

const environment = 'ci';
const firstOrderMaxMs = 180_000;
const addedMaxBytes = 15_000_000;
const ended = { green: 0, failed: 1, noCluster: 77 };
const flags = {
  strict: { type: 'boolean', default: false },
  minutes: { type: 'string', default: '120' },
} as const;

/**
 * Proves the platform on a real Kubernetes cluster: the one of KUBECONFIG, with the images on its
 * nodes, or one that the scripts of WINDLASS_CLUSTER_SCRIPTS bring up. Prints what it measures and
 * resolves with the exit code: 77 when there is no cluster to be had.
 *
 * What is lost, refused or started again fails the run. How long something takes depends on the
 * machine as well: such figures are printed as reached or missed, and `--strict` makes a run fail
 * that misses one. With `--minutes N` nothing long is begun later than that.
 */
async function main(): Promise<number> {
  const { strict, minutes } = parseArgs({ options: flags }).values;
  if (!(Number(minutes) > 0)) throw new Error(`--minutes is ${minutes}, which is not a number.`);
  const transcript = new Transcript((line) => process.stdout.write(`${line}\n`), strict);
  const { WINDLASS_CLUSTER_SCRIPTS: scripts, KUBECONFIG: kubeconfig } = process.env;
  let cluster: GivenCluster | undefined;
  let hasCluster = true;
  try {
    if (scripts !== undefined) await build(transcript);
    transcript.say('taking a cluster');
    cluster = await takeCluster(scripts, kubeconfig);
    releaseOnSignal(cluster);
    if (cluster.load !== undefined) {
      transcript.say('loading the images');
      await cluster.load(await imageNames());
    }
    await prove(transcript, cluster, Number(minutes) * 60_000);
  } catch (error) {
    hasCluster = !(error instanceof NoCluster);
    if (error instanceof NoCluster) transcript.skip('everything on a cluster', error.message);
    else await transcript.check('the run comes to its end', () => Promise.reject(error));
  } finally {
    await cluster?.release().catch(() => transcript.say('the cluster could not be taken down'));
  }
  process.stdout.write(`${transcript.totals()}\n`);
  if (!hasCluster && !transcript.hasFailed) return ended.noCluster;
  return transcript.isGreen ? ended.green : ended.failed;
}

/** Whoever stops the run gets the machine back as it was. */
function releaseOnSignal(cluster: GivenCluster): void {
  const release = () => void cluster.release().finally(() => process.exit(ended.failed));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, release);
}

async function build(transcript: Transcript): Promise<void> {
  transcript.say('building the images');
  const images = await buildImages();
  await transcript.check('an image adds at most 15 MB to its base', async () => {
    const great = images.filter(({ addedBytes }) => addedBytes > addedMaxBytes);
    const text = images
      .filter(({ own }) => own)
      .map(({ name, addedBytes }) => `${name} ${(addedBytes / 1e6).toFixed(1)} MB`);
    if (great.length > 0) throw new Error(text.join(', '));
    return text.join(', ');
  });
}

async function prove(
  transcript: Transcript,
  { kubectl }: GivenCluster,
  untilMs: number,
): Promise<void> {
  const platform = new DeployedPlatform(kubectl);
  const exercises = new Exercises(kubectl, platform, transcript);
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
    ['another provider takes over, and nothing is lost', () => exercises.replaceDoubles()],
    ['every service starts again and tells how long it took', () => exercises.startTimes()],
    ['a rolling update of NATS loses nothing', () => exercises.rollNats()],
    ['the end of a pod of each kind loses nothing', () => exercises.crashPods()],
    ['lag scales a worker out and back', () => exercises.scaleOutAndBack()],
  ] as const;
  // These take no time, and are about all that was done before.
  const last = [
    ['Prometheus has the metrics', () => exercises.metrics()],
    ['every service stays inside its memory', () => exercises.withinMemory()],
    ['no container was started again', () => exercises.withoutRestarts()],
  ] as const;
  let isGreen = isUp;
  for (const [title, work] of [...rest, ...last]) {
    const isLate = performance.now() > untilMs && rest.some(([each]) => each === title);
    if (!isUp) transcript.skip(title, 'the platform does not run');
    else if (isLate) transcript.skip(title, 'the time is over');
    else isGreen = (await transcript.check(title, work)) && isGreen;
  }
  if (!isGreen) process.stdout.write(`${await platform.diagnosis()}\n`);
  const taken = 'what is taken away leaves nothing behind';
  // Of a run that has failed somebody may want to see more.
  if (!isGreen) transcript.skip(taken, 'the platform stays as it is');
  else await transcript.check(taken, () => exercises.takeAway(environment));
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${errorText(error)}\n`);
  process.exitCode = ended.failed;
}
