import { dirname, join } from 'node:path';
import ts from 'typescript';
import { isTest } from './tree.ts';

const functionLinesMax = 70;
const bannedEndings = /(Impl|Manager|Helper|Util)s?$/;
const unfinished = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`);
const suppressed = /@ts-(ignore|nocheck|expect-error)|eslint-disable|biome-ignore/;
/** Everything that the environment decides is read here; the rest is given it. */
const readersOfEnvironment =
  /^(services\/runtime\/config\.ts$|services\/local\/|test\/|jest\.config)/;

export interface Import {
  /** A path in the repository, or the name of a package or built-in module. */
  readonly target: string;
  readonly isTypeOnly: boolean;
}

export function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
}

/** What a file imports, exports from, loads later or resolves by name. */
export function importsOf(file: ts.SourceFile): Import[] {
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, isTypeOnly: boolean) => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return;
    found.push({ target: targetOf(file.fileName, specifier.text), isTypeOnly });
  };
  visit(file, (node) => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.isTypeOnly ?? false);
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isCallExpression(node)) {
      const callee = node.expression.getText();
      const isLoad = node.expression.kind === ts.SyntaxKind.ImportKeyword;
      if (isLoad || /^createRequire\(.*\)\.resolve$/.test(callee)) add(node.arguments[0], false);
    }
  });
  return found;
}

function targetOf(path: string, specifier: string): string {
  if (specifier.startsWith('.')) return join(dirname(path), specifier);
  if (specifier.startsWith('@windlass/')) return specifier.replace('@windlass/', 'services/');
  if (specifier.startsWith('node:')) return specifier;
  const segments = specifier.startsWith('@') ? 2 : 1;
  return specifier.split('/').slice(0, segments).join('/');
}

/** Whether it decides anything: data, types and wiring do not. */
export function hasLogic(file: ts.SourceFile): boolean {
  let found = false;
  visit(file, (node) => {
    found ||= ts.isIfStatement(node) || ts.isIterationStatement(node, false);
    found ||= ts.isConditionalExpression(node) || ts.isSwitchStatement(node);
    found ||= ts.isTryStatement(node);
  });
  return found;
}

/** What is wrong with a file, a sentence each. */
export function findings(file: ts.SourceFile): string[] {
  const path = file.fileName;
  const found: string[] = [];
  const say = (node: ts.Node, sentence: string) =>
    void found.push(`${path}:${lineOf(file, node.getStart())}: ${sentence}`);
  visit(file, (node) => {
    const lines = lengthOf(file, node);
    if (lines > functionLinesMax) {
      say(node, `a function has ${lines} lines, ${functionLinesMax} are the most`);
    }
    if (node.kind === ts.SyntaxKind.AnyKeyword) say(node, '`any` hides what is known');
    if (ts.isNonNullExpression(node)) say(node, '`!` claims what the compiler cannot see');
    if (isUnexplainedCast(file, node)) say(node, 'a cast needs a comment that says why it holds');
    const name = declaredName(node);
    if (name !== undefined && bannedEndings.test(name)) say(node, `"${name}" says nothing`);
    if (name !== undefined && ts.isInterfaceDeclaration(node) && /^I[A-Z][a-z]/.test(name)) {
      say(node, `"${name}": an interface is named after what it is, without an I`);
    }
    if (!ts.isPropertyAccessExpression(node)) return;
    if (node.expression.getText() === 'console') say(node, 'the logger writes, not the console');
    if (node.getText() === 'process.env' && !readersOfEnvironment.test(path)) {
      say(node, 'the environment is read in services/runtime/config.ts');
    }
  });
  for (const { text, line } of commentsOf(file)) {
    if (unfinished.test(text)) found.push(`${path}:${line}: unfinished work is kept elsewhere`);
    if (suppressed.test(text)) found.push(`${path}:${line}: a check is not switched off`);
  }
  return found;
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  node.forEachChild((child) => visit(child, see));
}

function lineOf(file: ts.SourceFile, position: number): number {
  return file.getLineAndCharacterOfPosition(position).line + 1;
}

/** Lines of a function; 0 for anything else, a group of tests included. */
function lengthOf(file: ts.SourceFile, node: ts.Node): number {
  if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return 0;
  const isGroup =
    ts.isCallExpression(node.parent) && node.parent.expression.getText().startsWith('describe');
  return isGroup ? 0 : lineOf(file, node.end) - lineOf(file, node.getStart()) + 1;
}

function isUnexplainedCast(file: ts.SourceFile, node: ts.Node): boolean {
  if (isTest(file.fileName) || !ts.isAssertionExpression(node)) return false;
  if (node.type.getText() === 'const') return false;
  let statement: ts.Node = node;
  while (!ts.isStatement(statement) && !ts.isClassElement(statement)) statement = statement.parent;
  const [first, last] = [lineOf(file, statement.getStart()), lineOf(file, node.end)];
  const beside = commentsOf(file).some(({ end }) => end >= first - 1 && end <= last);
  return !beside;
}

function declaredName(node: ts.Node): string | undefined {
  const isDeclaration =
    ts.isInterfaceDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isEnumDeclaration(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isVariableDeclaration(node);
  return isDeclaration ? node.name?.getText() : undefined;
}

interface Comment {
  readonly text: string;
  readonly line: number;
  /** Its last line. */
  readonly end: number;
}
const commentsByFile = new WeakMap<ts.SourceFile, readonly Comment[]>();

function commentsOf(file: ts.SourceFile): readonly Comment[] {
  const known = commentsByFile.get(file);
  if (known !== undefined) return known;
  const ranges = new Map<number, ts.CommentRange>();
  const addTrivia = (node: ts.Node) => {
    const before = ts.getLeadingCommentRanges(file.text, node.getFullStart()) ?? [];
    const after = ts.getTrailingCommentRanges(file.text, node.end) ?? [];
    for (const range of [...before, ...after]) ranges.set(range.pos, range);
    for (const child of node.getChildren(file)) addTrivia(child);
  };
  addTrivia(file);
  const comments = [...ranges.values()].map(({ pos, end }) => ({
    text: file.text.slice(pos, end),
    line: lineOf(file, pos),
    end: lineOf(file, end),
  }));
  commentsByFile.set(file, comments);
  return comments;
}
