import { basename, extname } from 'node:path';

/** Names that say nothing about what is inside. */
const vague = ['util', 'utils', 'helper', 'helpers', 'common', 'shared', 'misc', 'types'];
const banned = new Set([...vague, 'constants', 'manager', 'impl', 'lib', 'stuff']);
/** A document of this name tells what somebody did or will do, not what is true. */
const temporary = /(^|-)(plan|plans|notes?|reports?|roadmap|summary|draft)(-|$)/;
/** Names that others have chosen. */
const given = new Set(['README', 'ARCHITECTURE', 'CONTRIBUTING', 'LICENSE', 'Dockerfile', 'Chart']);
/** To Helm, a name says what a template is: said after the installation, or no manifest at all. */
const namedForHelm = /^charts\/[^/]+\/templates\/(NOTES\.txt|_[a-z-]+\.tpl)$/;

/** What is wrong with the name of a file or of a folder above it, a sentence each. */
export function nameFindings(path: string): string[] {
  const found: string[] = [];
  const segments = path.split('/');
  for (const [index, segment] of segments.entries()) {
    const isFile = index === segments.length - 1;
    const isHidden = segment.startsWith('.');
    const [name = ''] = (isHidden ? segment.slice(1) : segment).split('.');
    if (isHidden && index > 0) found.push(`${path}: a hidden file is a left-over`);
    if (name.split('-').some((word) => banned.has(word))) {
      found.push(`${path}: "${name}" says nothing about what is in it`);
    }
    const isKebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/.test(
      isHidden ? segment.slice(1) : segment,
    );
    const isGiven = isFile && (given.has(name) || namedForHelm.test(path));
    if (!isKebab && !isGiven) found.push(`${path}: names are in kebab case`);
  }
  const isDocument = ['.md', '.txt'].includes(extname(path)) && !namedForHelm.test(path);
  if (isDocument) found.push(...documentFindings(path));
  return found;
}

function documentFindings(path: string): string[] {
  const found: string[] = [];
  const isPlaced = /^(README|ARCHITECTURE|CONTRIBUTING)\.md$|^docs\//.test(path);
  if (!isPlaced) found.push(`${path}: documents are in docs/ or are one of three at the top`);
  if (temporary.test(basename(path).split('.')[0] ?? '')) {
    found.push(`${path}: plans, notes and reports are not kept in the tree`);
  }
  return found;
}
