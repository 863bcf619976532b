/** Where the runbook is when nobody says otherwise: its path in the repository. */
export const defaultRunbook = 'docs/runbook.md';

/** The address of an alert's section, as forges make anchors of headings. */
export function runbookUrl(base: string, alert: string): string {
  return `${base}#${alert.toLowerCase()}`;
}
