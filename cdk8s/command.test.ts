import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { run } from '@windlass/local/child.ts';
import {
  repository,
  type TemporaryDirectory,
  temporaryDirectory,
} from '@windlass/local/directory.ts';
import { commandOf, synth } from './command.ts';
import { services } from './testing/manifests.ts';

const startMs = 60_000;

describe('a command', () => {
  test('is about all environments unless one is named', () => {
    expect(commandOf([]).names).toEqual(['dev', 'ci', 'prod']);
    expect(commandOf(['--env', 'all']).names).toEqual(['dev', 'ci', 'prod']);
    expect(commandOf(['--env=ci', '--check'])).toEqual({
      ...{ names: ['ci'], isCheck: true, isWatch: false },
    });
  });

  test.each([
    [['--env', 'staging'], 'There is no environment staging: it is one of dev, ci, prod, all.'],
    [['--evn', 'ci'], '--evn ci is not understood: npm run synth -- '],
    [['--env'], '--env is not understood: npm run synth -- '],
    [['ci'], 'ci is not understood: npm run synth -- '],
    [['--check', '--watch'], 'Either --check or --watch: a check writes nothing.'],
  ])('%j is refused with a sentence', (args, sentence) => {
    expect(() => commandOf(args)).toThrow(sentence);
  });
});

describe('a synth', () => {
  let directory: TemporaryDirectory;
  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(() => directory.remove());
  const ci = commandOf(['--env', 'ci']);
  const check = commandOf(['--env', 'ci', '--check']);

  test('writes the files of its environment alone, and nothing the second time', async () => {
    const first = await synth(ci, services, directory.path);
    expect(first.isFine).toBe(true);
    expect(first.lines).toContain('new k8s/ci/10-namespaces.yaml');
    expect(await readdir(directory.path)).toEqual(['k8s']);
    expect(await readdir(join(directory.path, 'k8s'))).toEqual(['ci']);
    expect(await synth(ci, services, directory.path)).toEqual({ lines: [], isFine: true });
  });

  test('that checks names what differs and writes nothing', async () => {
    await synth(ci, services, directory.path);
    expect(await synth(check, services, directory.path)).toEqual({ lines: [], isFine: true });
    const spoilt = join(directory.path, 'k8s/ci/10-namespaces.yaml');
    await writeFile(spoilt, 'spoilt');
    await writeFile(join(directory.path, 'k8s/ci/99-left.yaml'), 'left');
    expect(await synth(check, services, directory.path)).toEqual({
      lines: ['changed k8s/ci/10-namespaces.yaml', 'stale k8s/ci/99-left.yaml'],
      isFine: false,
    });
    expect(await readFile(spoilt, 'utf8')).toBe('spoilt');
  });
});

test(
  'the program says one sentence and ends with 1 when it is not understood',
  async () => {
    const { ok, output } = await run({
      command: process.execPath,
      args: ['--import', 'tsx', 'cdk8s/main.ts', '--env', 'staging'],
      cwd: repository,
    });
    expect(ok).toBe(false);
    expect(output).toBe('There is no environment staging: it is one of dev, ci, prod, all.');
  },
  startMs,
);
