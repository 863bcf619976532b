import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { about, createLogger, type LogOptions, withoutPasswords } from './log.ts';

function logged(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const logger = createLogger({
    service: 'shop',
    replica: 'shop-1',
    level: 'info',
    destination: { write: (line) => void lines.push(line) },
    ...options,
  });
  return { logger, lines };
}

const cause = {
  correlationId: 'c-1',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};

describe('the log', () => {
  test('says who writes and what it is about', () => {
    const { logger, lines } = logged();
    logger.info({ ...about(cause), orderId: 'o-1' }, 'accepted');
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      service: 'shop',
      replica: 'shop-1',
      correlationId: 'c-1',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      orderId: 'o-1',
      msg: 'accepted',
    });
  });

  test('hides secrets by name and passwords inside of addresses', () => {
    const { logger, lines } = logged();
    const secrets = { authorization: 'hunter2', cookie: 'hunter2', 'set-cookie': ['hunter2', 'a'] };
    logger.info({ password: 'a"hunter2', Authorization: '\\\\"hunter2' }, 'a');
    logger.info({ ...secrets, request: { headers: secrets, ...secrets } }, 'a');
    logger.error(new Error('cannot reach postgres://shop:hunter2@db:5432/shop'), 'b');
    logger.error({ err: new Error('nats://u:hun/ter2@n:4222') }, 'nats://u:hunter2@n:4222');
    expect(lines.join('')).not.toContain('ter2');
    expect(lines[2]).toContain('postgres://shop:[secret]@db:5432/shop');
  });

  test('keeps one line per entry whatever the values are', () => {
    const { logger, lines } = logged();
    logger.info({ orderId: 'a\nb\u001b[31m' }, 'c\r\nd');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.trimEnd()).not.toMatch(/\p{Cc}/u);
  });

  test('leaves out information, not warnings, when telemetry is off', () => {
    const { logger, lines } = logged({ enabled: false });
    logger.info('a');
    logger.warn('b');
    expect(lines).toHaveLength(1);
    expect(logged({ enabled: false, level: 'silent' }).logger.level).toBe('silent');
  });

  test('loses no line when the process exits', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'windlass-log-'));
    const file = join(folder, 'deep', 'shop.log');
    const program = `
      import { createLogger } from '${new URL('./log.ts', import.meta.url).href}';
      const logger = createLogger({ service: 's', replica: 'r', level: 'info',
        file: process.argv[1] });
      setTimeout(() => {
        for (let index = 0; index < 1000; index++) logger.info({ index }, 'line');
        process.exit(0);
      }, 50);`;
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', program, file],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    await new Promise((resolve) => child.once('close', resolve));
    expect(output.trimEnd().split('\n')).toHaveLength(1000);
    expect(readFileSync(file, 'utf8')).toBe(output);
    rmSync(folder, { recursive: true });
  });
});

test('withoutPasswords leaves other text alone', () => {
  expect(withoutPasswords('mail a@b.c, see http://x/y:z')).toBe('mail a@b.c, see http://x/y:z');
  expect(withoutPasswords('postgres://user@host/db')).toBe('postgres://user@host/db');
});
