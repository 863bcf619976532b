import type { CertificateStep } from '../certificates/cluster-certificates.ts';
import type { KubeObject, Resource } from '../control/objects.ts';

/** What a plan can ask to be done; `describe` is one sentence for the log and a dry run. */
export type ClusterAction = { readonly describe: string } & (
  | { readonly do: 'apply'; readonly resource: Resource; readonly object: KubeObject }
  | { readonly do: 'makeCredentials'; readonly accounts: readonly string[] }
  | { readonly do: 'certificates'; readonly step: CertificateStep }
  | { readonly do: 'orphanStatefulSet'; readonly uid: string }
  | { readonly do: 'growClaim'; readonly name: string; readonly size: string }
  | { readonly do: 'deleteClaim'; readonly name: string; readonly uid: string }
  | { readonly do: 'deleteSecret'; readonly name: string }
  | {
      readonly do: 'evict';
      readonly pod: string;
      readonly uid: string;
      readonly isServing: boolean;
    }
  | {
      readonly do: 'reload';
      readonly server: string;
      readonly serverId: string;
      readonly digest: string;
    }
  | { readonly do: 'stepDown'; readonly preferred: string | undefined }
  | {
      readonly do: 'moveStream';
      readonly account: string;
      readonly stream: string;
      readonly from: string;
    }
  | { readonly do: 'removePeer'; readonly server: string }
);
