type Labels = Readonly<Record<string, string>>;

/**
 * Whether labels fit a selector of terms like `a=b`, `a!=b`, `a` and `!a`. Sets (`a in (b, c)`)
 * are not understood and fit nothing; the API server understands them.
 */
export function fitsLabels(selector: string, labels: Labels = {}): boolean {
  return selector.split(',').every((term) => fitsTerm(term.trim(), labels));
}

function fitsTerm(term: string, labels: Labels): boolean {
  const [, name = '', operator, value] =
    /^(!?[A-Za-z0-9][\w./-]*?)(?:(==?|!=)([\w.-]*))?$/.exec(term.replaceAll(' ', '')) ?? [];
  if (name === '' || / (in|notin) ?\(/.test(term)) return false;
  if (name.startsWith('!')) return operator === undefined && labels[name.slice(1)] === undefined;
  if (operator === undefined) return labels[name] !== undefined;
  return operator === '!=' ? labels[name] !== value : labels[name] === value;
}
