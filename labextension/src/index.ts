/**
 * envd in JupyterLab and Notebook 7: one plugin a file. What an application lacks (a launcher, a
 * status bar, a layout to restore) is optional to the plugin that uses it.
 */
import { builds } from './plugins/builds';
import { commands } from './plugins/commands';
import { documents } from './plugins/documents';
import { kernel } from './plugins/kernel';
import { launcher } from './plugins/launcher';
import { notices } from './plugins/notices';
import { panel } from './plugins/panel';
import { renderer } from './plugins/renderer';
import { status } from './plugins/status';

export default [
  renderer,
  builds,
  kernel,
  commands,
  documents,
  panel,
  status,
  launcher,
  notices
];
