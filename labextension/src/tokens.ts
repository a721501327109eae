import { Token } from '@lumino/coreutils';

import type { BuildActions } from './actions';
import type { Builds } from './builds';
import type { CurrentKernel } from './settings/CacheSettings';
import type { Store } from './store';

/** The builds of the server and what can be done with them, for the plugins of this extension. */
export interface IEnvdBuilds {
  readonly builds: Builds;
  readonly kernel: Store<CurrentKernel | null>;
  /** What can be done with a build; plugins that know how put it there. */
  readonly actions: BuildActions;
}

export const IEnvdBuilds = new Token<IEnvdBuilds>(
  'envd-jupyter:IEnvdBuilds',
  'The envd builds of the server.'
);
