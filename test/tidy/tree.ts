import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..', '..');

export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/**
 * Every file of the project by its path, also one that is not committed yet. `.gitignore` keeps
 * to two forms, so that nothing but this is needed to read it: `folder/` and `*.suffix`.
 */
export const files: readonly string[] = walk('', read('.gitignore').split('\n').filter(Boolean));

function walk(folder: string, ignored: readonly string[]): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name === '.git' || ignored.includes(`${entry.name}/`)) return [];
    if (entry.isDirectory()) return walk(path, ignored);
    const isIgnored = ignored.some((form) => form[0] === '*' && path.endsWith(form.slice(1)));
    return isIgnored ? [] : [path];
  });
}

export const code = files.filter((path) => /\.(ts|mjs)$/.test(path));
export const documents = files.filter((path) => path.endsWith('.md'));

/** Tests and what only they import. */
export function isTest(path: string): boolean {
  return path.startsWith('test/') || path.endsWith('.test.ts') || path.includes('/testing/');
}

/** Whether a path fits a pattern in which `*` stands for a name and `**` for any path. */
export function fits(path: string, pattern: string): boolean {
  const source = pattern
    .split('**')
    .map((part) => part.replaceAll('.', '\\.').replaceAll('*', '[^/]*'))
    .join('.*');
  return new RegExp(`^${source}$`).test(path);
}

/** Rows of the tables below a heading, or of the whole document; cells without backticks. */
export function tableRows(markdown: string, heading?: string): string[][] {
  const from = heading === undefined ? 0 : markdown.indexOf(`\n## ${heading}\n`);
  if (from === -1) throw new Error(`There is no heading "${heading}".`);
  const below = heading === undefined ? markdown : markdown.slice(from + 1);
  const next = below.indexOf('\n## ', 1);
  const section = heading === undefined || next === -1 ? below : below.slice(0, next);
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows
    .map((row) => row.slice(1, row.lastIndexOf('|')).split(' | '))
    .map((cells) => cells.map((cell) => cell.replaceAll('`', '').trim()))
    .filter((_, index) => index > 0 && !/^\|[\s|:-]+$/.test(rows[index] ?? ''));
}
