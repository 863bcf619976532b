import { clusterEndpoint } from '../assets/cluster-endpoint.ts';
import type { Connections } from '../assets/connections.ts';
import type { JetStream } from '../assets/jet-stream.ts';
import type { Lookup } from '../assets/lookup.ts';
import type { Context } from '../control/kind.ts';
import { type Place, systemAccount } from './names.ts';

/** How the operator reaches the servers of a cluster, as the user that may ask all of them. */
export class SystemAccount {
  private readonly connections: Connections;
  private readonly lookup: Lookup;

  constructor(connections: Connections, lookup: Lookup) {
    this.connections = connections;
    this.lookup = lookup;
  }

  /** Rejects with a ReconcileError when something that the connection is made of is missing. */
  async open({ namespace, name }: Place, context: Context): Promise<JetStream> {
    const place = { cluster: `${namespace}/${name}`, account: systemAccount };
    return this.connections.open(await clusterEndpoint(this.lookup, context, place));
  }
}
