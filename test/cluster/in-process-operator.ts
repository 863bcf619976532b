import { loadOperatorConfig } from '@windlass/operator/config.ts';
import { type Operator, startOperator } from '@windlass/operator/operator.ts';
import { service } from '@windlass/operator/service.ts';
import { loadConfig } from '@windlass/runtime/config.ts';

/** Where the operator's own Lease is. */
export const operatorNamespace = 'windlass';

/** What an operator on this machine runs with: ports of its own, and no API of external metrics. */
export function operatorEnvironment(kubeconfig: string) {
  return {
    HOST: '127.0.0.1',
    PORT: '0',
    OPS_PORT: '0',
    LOG_LEVEL: 'warn',
    POD_NAMESPACE: operatorNamespace,
    KUBECONFIG: kubeconfig,
    EXTERNAL_METRICS: 'off',
  };
}

/** The operator in this process. Without a leader it takes the lease. */
export async function startInProcess(env: NodeJS.ProcessEnv): Promise<Operator> {
  return await startOperator(loadConfig(service, env), loadOperatorConfig(service.name, env));
}
