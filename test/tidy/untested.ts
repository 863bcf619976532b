/**
 * Files with logic that no test of their folder reaches, with the reason. A file that has a test
 * by now is taken off the list.
 */
export const untested: Readonly<Record<string, string>> = {};
