const asProcess = 'test/journey runs it in the process of each service';

/**
 * Files with logic that no test of their folder reaches, with the reason. A file that has such a
 * test by now is taken off the list.
 */
export const untested: Readonly<Record<string, string>> = {
  'services/local/develop.ts': 'starts two programs beside each other, one of them Skaffold',
  'services/local/generate.ts': 'test/generated.test.ts compares all that it writes',
  'services/local/order.ts': 'reads flags; what it does with them is tested in order-load.test.ts',
  'services/local/progress.ts': 'draws a line on a terminal',
  'services/local/start.ts': 'reads flags and prints; what it starts is tested in platform.test.ts',
  'services/local/test-servers.ts': 'keeps the servers of every test that needs one',
  'services/operator/main.ts': 'operator.test.ts starts it as a process',
  'services/order/reactions.ts': 'test/journey/deciders.test.ts runs the reactions of all services',
  'services/payment/http.ts': 'test/journey reads payments over HTTP',
  'services/payment/parts.ts': asProcess,
  'services/provider/main.ts': 'every journey starts it',
  'services/runtime/commands.ts': asProcess,
  'services/runtime/failure/dead-letter.ts': 'test/journey/dead-letters.test.ts files dead letters',
  'services/runtime/observer.ts': asProcess,
  'services/runtime/ops-board.ts': asProcess,
  'services/runtime/process.ts': asProcess,
  'services/runtime/reactor.ts': asProcess,
  'services/runtime/service.ts': asProcess,
};
