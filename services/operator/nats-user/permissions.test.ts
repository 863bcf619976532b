import { describe, expect, test } from '@jest/globals';
import { inboxPrefixOf, type Permissions, permissionsOf, type Rights } from './permissions.ts';

const owner = { name: 'order', namespace: 'shop' };
const inbox = '_INBOX_order.>';
const nothing = { allow: [], deny: ['>'] };

describe('a user may', () => {
  const cases: Readonly<Record<string, [Rights, Permissions]>> = {
    'only listen to its own inbox when its spec says nothing': [
      {},
      { publish: nothing, subscribe: { allow: [inbox] } },
    ],
    'pull from a consumer and settle in both forms of the ack subject': [
      { role: { pulls: [{ stream: 'ORDERS', consumer: 'order-hot' }] } },
      {
        publish: {
          allow: [
            '$JS.ACK.*.*.ORDERS.order-hot.>',
            '$JS.ACK.ORDERS.order-hot.>',
            '$JS.API.CONSUMER.INFO.ORDERS.order-hot',
            '$JS.API.CONSUMER.MSG.NEXT.ORDERS.order-hot',
          ],
        },
        subscribe: { allow: [inbox] },
      },
    ],
    'publish and listen to what its role names, each subject once': [
      { role: { publishes: ['b', 'a.*', 'b'], subscribes: ['news.>'] } },
      { publish: { allow: ['a.*', 'b'] }, subscribe: { allow: [inbox, 'news.>'] } },
    ],
    'do what is said besides its role, less what is denied': [
      {
        role: { publishes: ['a.>'] },
        permissions: {
          publish: { allow: ['c'], deny: ['a.secret'] },
          subscribe: { allow: ['d'], deny: ['d.e'] },
          allowResponses: { max: 1, expires: '1m' },
        },
      },
      {
        publish: { allow: ['a.>', 'c'], deny: ['a.secret'] },
        subscribe: { allow: [inbox, 'd'], deny: ['d.e'] },
        allowResponses: { max: 1, expires: '1m' },
      },
    ],
    'publish nothing when only denials are given': [
      { permissions: { publish: { deny: ['a'] } } },
      { publish: nothing, subscribe: { allow: [inbox] } },
    ],
  };
  test.each(Object.entries(cases))('%s', (_, [spec, permissions]) => {
    expect(permissionsOf(spec, owner)).toEqual(permissions);
  });

  test('manage a stream and its consumers, and no other', () => {
    const { allow } = permissionsOf({ role: { manages: ['ORDERS'] } }, owner).publish;
    expect(allow).toContain('$JS.API.STREAM.UPDATE.ORDERS');
    expect(allow).toContain('$JS.API.CONSUMER.CREATE.ORDERS.>');
    const others = allow.filter((subject) => !subject.split('.').includes('ORDERS'));
    expect(others).toEqual(['$JS.API.INFO']);
  });
});

describe('the prefix of the inbox', () => {
  const cases: Readonly<Record<string, [Rights, string, string]>> = {
    'is named after the user': [{}, 'order', '_INBOX_order'],
    'is named after the namespace as well when the cluster is in another one': [
      { clusterRef: { namespace: 'nats' } },
      'order',
      '_INBOX_shop__order',
    ],
    'is not when the cluster is in the same one': [
      { clusterRef: { namespace: 'shop' } },
      'order',
      '_INBOX_order',
    ],
    'is one token, so that it is no part of the inbox of user "a"': [{}, 'a.b', '_INBOX_a_b'],
    'is what the spec says': [{ inboxPrefix: '_INBOX_mine' }, 'order', '_INBOX_mine'],
  };
  test.each(Object.entries(cases))('%s', (_, [spec, name, prefix]) => {
    expect(inboxPrefixOf(spec, { ...owner, name })).toBe(prefix);
  });
});
