import { writeSync } from 'node:fs';

/** Ends the output with one line of totals, after a line for each skipped test. */
export default class TotalsReporter {
  onRunComplete(_contexts, results) {
    for (const file of results.testResults) {
      for (const test of file.testResults) {
        if (test.status === 'pending') process.stdout.write(`skipped: ${test.fullName}\n`);
      }
    }
    const { numPassedTests, numFailedTests, numPendingTests, numRuntimeErrorTestSuites } = results;
    // A file that could not even be loaded has no tests that could fail.
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    const totals = `${numPassedTests} passed, ${failed} failed, ${numPendingTests} skipped\n`;
    // Jest's own summary is printed after every reporter has run.
    process.once('exit', () => writeSync(1, totals));
  }
}
