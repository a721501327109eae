/** Tells how a build ended to those who look elsewhere by then. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { CommandIds } from '../commandIds';
import { titleOf, type BuildRecord } from '../record';
import { IEnvdBuilds } from '../tokens';
import { BUILD_WORDS, duration } from '../wording';

const ID = 'envd-jupyter:notices';

export const notices: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'Tells how long envd builds ended.',
  autoStart: true,
  requires: [IEnvdBuilds, ISettingRegistry],
  activate: async (app: JupyterFrontEnd, envd: IEnvdBuilds, registry: ISettingRegistry) => {
    const settings = await registry.load(ID);
    envd.builds.ended.subscribe(() => {
      const record = envd.builds.ended.get();
      const least = settings.get('notifyAfter').composite as number;
      if (record && least >= 0 && (record.duration ?? 0) >= least) {
        tell(app, record);
      }
    });
  }
};

function tell(app: JupyterFrontEnd, record: BuildRecord): void {
  const { id, state } = record;
  const word = BUILD_WORDS[state] ?? state;
  const text = `${titleOf(record)}: ${word}, ${duration(record.duration)}`;
  const open = (part: string) => () =>
    void app.commands.execute(CommandIds.openBuild, { id, part });
  const options = {
    actions: [
      { label: 'Open', callback: open('steps') },
      ...(state === 'failed' ? [{ label: 'Log', callback: open('log') }] : [])
    ]
  };
  if (state === 'succeeded' || state === 'skipped') {
    Notification.success(text, { ...options, autoClose: 8000 });
  } else {
    Notification.error(text, { ...options, autoClose: false });
  }
}
