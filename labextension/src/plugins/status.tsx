/** The status bar: the running build in a few words; a click shows the panel. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';

import { CommandIds } from '../commandIds';
import { StatusItem } from '../panel/StatusItem';
import { IEnvdBuilds } from '../tokens';
import { shown } from '../widget';

export const status: JupyterFrontEndPlugin<void> = {
  id: 'envd-jupyter:status',
  description: 'Shows running envd builds in the status bar.',
  autoStart: true,
  requires: [IEnvdBuilds],
  // Notebook 7 has none.
  optional: [IStatusBar],
  activate: (app: JupyterFrontEnd, envd: IEnvdBuilds, bar: IStatusBar | null) => {
    if (!bar) {
      return;
    }
    const { builds } = envd;
    const item = shown(
      <StatusItem
        builds={builds}
        onClick={() => void app.commands.execute(CommandIds.openPanel)}
      />
    );
    item.addClass('ej-status-widget');
    bar.registerStatusItem('envd-jupyter:status', {
      item,
      align: 'left',
      rank: 20,
      isActive: () => builds.running.length > 0
    });
    builds.records.subscribe(() => item.setHidden(builds.running.length === 0));
  }
};
