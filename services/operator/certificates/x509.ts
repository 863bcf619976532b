import { provideReflectMetadata } from './reflect-metadata.ts';

provideReflectMetadata();

/** Loaded late, because the library looks for `Reflect.getMetadata` when it is loaded. */
export const x509 = await import('@peculiar/x509');
