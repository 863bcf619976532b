/**
 * What an order should cost in CPU by the unit costs of the parts, each measured on its own:
 * one request, seven commits, five events published and consumed, one call to the provider.
 * Microseconds. It is a yardstick, so it stays as it is when the flow changes.
 */
const http = 39;
const acceptClient = 9;
const publishClient = 13 / 3;
const publishServer = 36 / 3;
const consumeClient = 18 / 3;
const consumeServer = 36 / 3;
/** Logic and database client of one event in a batch. */
const handler = 12;
const acceptDatabase = 25;
const commitDatabase = 23;
/** One request, with its client and its server. */
const providerClient = 70;
const providerServer = 55;

export interface ModelPart {
  readonly name: string;
  readonly micros: number;
  readonly words: string;
}

export const model: readonly ModelPart[] = [
  {
    name: 'order',
    micros: http + acceptClient + 2 * publishClient + 2 * (consumeClient + handler),
    words: '1 request, 2 events published, 2 consumed',
  },
  {
    name: 'inventory',
    micros: 2 * publishClient + 2 * (consumeClient + handler),
    words: '2 events published, 2 consumed',
  },
  {
    name: 'payment',
    micros: publishClient + consumeClient + 2 * handler + providerClient,
    words: '1 event published, 1 consumed, 1 call made and its outcome stored',
  },
  { name: 'provider', micros: providerServer, words: '1 call answered' },
  {
    name: 'nats',
    micros: 5 * (publishServer + consumeServer),
    words: '5 events stored, delivered and acknowledged',
  },
  { name: 'postgres', micros: acceptDatabase + 6 * commitDatabase, words: '7 commits' },
];

export const modelTotal: number = model.reduce((sum, { micros }) => sum + micros, 0);
