import { resolveHelm } from '../chart/helm-program.ts';
import { NoBinaries, resolveControlPlane } from './binaries.ts';
import { publishedCrds } from './published-crds.ts';

/**
 * Finds the programs of the control plane and Helm, or builds them, and fetches the kinds of
 * others, before the tests that need them: those would not wait for a build that takes minutes.
 * Where there are none to be had they are skipped.
 */
const say = (line: string) => void process.stderr.write(`${line}\n`);

try {
  await resolveControlPlane({ say });
} catch (error) {
  if (!(error instanceof NoBinaries)) throw error;
  say(`${error.message} The tests that need them are skipped.`);
}

const helm = await resolveHelm({ say });
if (typeof helm === 'string') say(`${helm}. The tests that need it are skipped.`);

const crds = await publishedCrds();
if (typeof crds === 'string') say(`kinds of others: ${crds}`);
