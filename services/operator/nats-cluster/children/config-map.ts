import { configMaps } from '../../api/core.ts';
import { children } from '../names.ts';
import { type Child, child, type Owner } from './child.ts';

/** nats.conf has public keys only, so that it needs no Secret. */
export function configMap(owner: Owner, text: string): Child {
  return child(configMaps, owner, children(owner.name).configMap, { data: { 'nats.conf': text } });
}
