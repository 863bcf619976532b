import { gzipSync } from 'node:zlib';

/** A request that must be refused, and how. `body` is sent as it stands. */
export interface BadRequest {
  readonly rule: string;
  readonly method?: string;
  readonly path?: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly type: string;
}

const line = { sku: 'SKU-1', quantity: 1, unitPrice: 100 };
const order = { customerId: 'c-1', currency: 'EUR', lines: [line] };

function withOrder(rule: string, change: object): BadRequest {
  return refused(rule, JSON.stringify({ ...order, ...change }));
}
function withLine(rule: string, change: object): BadRequest {
  return withOrder(rule, { lines: [line, { ...line, ...change }] });
}
/** JSON that no serializer writes: `text` stands for the value of a member of the order. */
function written(rule: string, member: string, text: string): BadRequest {
  const rest = JSON.stringify({ ...order, [member]: undefined }).slice(1);
  return refused(rule, `{"${member}":${text},${rest}`);
}
function refused(
  rule: string,
  body: string | Uint8Array<ArrayBuffer>,
  status = 400,
  type = 'invalid-request',
): BadRequest {
  return { rule, body, status, type };
}
function read(path: string, status = 400, type = 'invalid-request'): BadRequest {
  return { rule: `GET ${path}`, method: 'GET', path, status, type };
}

const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
const text = JSON.stringify(order);
const json = 'application/json';

export const badRequests: readonly BadRequest[] = [
  written('__proto__ as a member', '__proto__', '{"currency":"USD"}'),
  written('constructor as a member', 'constructor', '{"prototype":{}}'),
  withOrder('an unknown member', { discount: 5 }),
  withLine('an unknown member of a line', { discount: 5 }),
  withOrder('NUL in an id', { customerId: 'a\0b' }),
  written('a lone surrogate in an id', 'customerId', '"\\ud800"'),
  written('a lone surrogate as a SKU', 'lines', '[{"sku":"\\udfff","quantity":1,"unitPrice":1}]'),
  ...[' ', 'a b', 'a\r\nb', 'a\tb', 'a..b', 'a.*', 'a.>', '*', '>', 'ä', '', 'x'.repeat(65)].map(
    (sku) => withLine(`the SKU ${JSON.stringify(sku).slice(0, 20)}`, { sku }),
  ),
  withOrder('an object as an id', { customerId: { $ne: null } }),
  withOrder('a list as an id', { customerId: ['c-1'] }),
  ...['eur', 'EURO', 'EU', '€', 978, null].map((currency) =>
    withOrder(`the currency ${currency}`, { currency }),
  ),
  ...[0, -1, 1.5, 10_001, '1', null, true].map((quantity) =>
    withLine(`a quantity of ${JSON.stringify(quantity)}`, { quantity }),
  ),
  ...[-1, 0.1, 1_000_000_001, '100', Number.MAX_SAFE_INTEGER].map((unitPrice) =>
    withLine(`a price of ${JSON.stringify(unitPrice)}`, { unitPrice }),
  ),
  written('a quantity of 1e400', 'lines', '[{"sku":"a","quantity":1e400,"unitPrice":1}]'),
  written('a price of 1e400', 'lines', '[{"sku":"a","quantity":1,"unitPrice":1e400}]'),
  written('a quantity of -0', 'lines', '[{"sku":"a","quantity":-0,"unitPrice":1}]'),
  withOrder('lines of one SKU that add up to too many', {
    lines: [
      { ...line, quantity: 9_999 },
      { ...line, quantity: 2 },
    ],
  }),
  withOrder('no lines', { lines: [] }),
  withOrder('101 lines', { lines: Array.from({ length: 101 }, () => line) }),
  withOrder('20 000 invalid lines', { lines: Array.from({ length: 20_000 }, () => 1) }),
  withOrder('lines that are no list', { lines: { length: 1, 0: line } }),
  withOrder('a lane that there is not', { lane: 'express' }),
  written('a body nested 30 000 deep', 'lines', deep),
  refused('a list as a body', `[${text}]`),
  refused('null as a body', 'null'),
  refused('a word as a body', '"order"'),
  refused('half a body', text.slice(0, -1), 400, 'malformed-json'),
  refused('two bodies', `${text}${text}`, 400, 'malformed-json'),
  refused('NaN', '{"quantity":NaN}', 400, 'malformed-json'),
  refused('a body that is not UTF-8', Buffer.from('{"a":"\xff"}', 'latin1'), 400, 'malformed-json'),
  refused('no body', ''),
  refused('a body over 64 KiB', text + ' '.repeat(65_536), 413, 'body-too-large'),
  refused('a body of 2 MB', ' '.repeat(2_000_000), 413, 'body-too-large'),
  {
    ...refused('a compressed body', gzipSync(text), 415, 'unsupported-media-type'),
    headers: { 'content-type': json, 'content-encoding': 'gzip' },
  },
  ...['text/plain', 'application/x-www-form-urlencoded', `${json}; charset=utf-16`].map((type) => ({
    ...refused(`a body of type ${type}`, text, 415, 'unsupported-media-type'),
    headers: { 'content-type': type },
  })),
  ...['{"reason":"\\u0000"}', '{"reason":"\\ud800"}', `{"reason":"${'x'.repeat(201)}"}`, '[]'].map(
    (body) => ({
      ...refused(`the reason ${body.slice(0, 20)}`, body),
      path: '/v1/orders/a/cancel',
    }),
  ),
  ...['{"amount":0}', '{"amount":-1}', '{"amount":1.5}', '{"amount":1e400}', '{"amount":"1"}'].map(
    (body) => ({ ...refused(`the refund ${body}`, body), path: '/v1/orders/a/refund' }),
  ),
  read('/v1/orders?status=PAID'),
  read('/v1/orders?status='),
  read('/v1/orders?limit=0'),
  read('/v1/orders?limit=101'),
  read('/v1/orders?limit=1e1'),
  read('/v1/orders?limit=1&limit=2'),
  read('/v1/orders?after=%00'),
  read("/v1/orders?after=';DROP%20TABLE%20orders"),
  read('/v1/orders?offset=1'),
  read('/v1/orders/a?wait=forever'),
  read('/v1/orders/a?wait=31s'),
  read('/v1/orders/a?wait=-1s'),
  read('/v1/orders/%00', 404, 'order-not-found'),
  read('/v1/orders/%ed%a0%80', 400, 'malformed-http'),
  read('/v1/orders/%', 400, 'malformed-http'),
  read(`/v1/orders/${'x'.repeat(65)}`, 404, 'order-not-found'),
  read('/v1/orders/..%2f..%2fetc', 404, 'order-not-found'),
  read('/v1/nothing', 404, 'not-found'),
  { rule: 'a method that there is not', method: 'DELETE', status: 405, type: 'method-not-allowed' },
];

/** Requests that no HTTP client sends; each is the whole of what goes over the wire. */
export const badBytes: readonly { readonly rule: string; readonly bytes: string }[] = [
  { rule: 'no HTTP at all', bytes: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n' },
  {
    rule: 'two lengths',
    bytes: post('Content-Length: 5\r\nContent-Length: 6\r\n', '{"a"}1'),
  },
  {
    rule: 'a length and chunks',
    bytes: post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  },
  { rule: 'a chunk whose size is none', bytes: post('Transfer-Encoding: chunked\r\n', 'zz\r\n{}') },
  { rule: 'a negative length', bytes: post('Content-Length: -1\r\n', '') },
  { rule: 'NUL in a header', bytes: post('X-Correlation-ID: a\0b\r\nContent-Length: 2\r\n', '{}') },
  { rule: 'a header of 20 KiB', bytes: post(`X-Long: ${'x'.repeat(20_000)}\r\n`, '') },
  {
    rule: 'a header folded over two lines',
    bytes: post('X-A: 1\r\n 2\r\nContent-Length: 2\r\n', '{}'),
  },
];

function post(headers: string, body: string): string {
  return `POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: ${json}\r\n${headers}\r\n${body}`;
}
