/** Commands that act on builds, for the palette, the panel and who else wants them. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, Notification, showDialog } from '@jupyterlab/apputils';

import { said } from '../api';
import { CommandIds, textOf } from '../commandIds';
import { titleOf } from '../record';
import { IEnvdBuilds } from '../tokens';

export const commands: JupyterFrontEndPlugin<void> = {
  id: 'envd-jupyter:commands',
  description: 'Commands that cancel, repeat and delete envd builds.',
  autoStart: true,
  requires: [IEnvdBuilds],
  optional: [ICommandPalette],
  activate: (app: JupyterFrontEnd, envd: IEnvdBuilds, palette: ICommandPalette | null) => {
    const { builds } = envd;

    /** The build that is meant: the one named, else the latest one that fits. */
    const meant = (given: unknown, running: boolean): string | undefined =>
      textOf(given) ??
      builds.records.get().find(record => (record.state === 'running') === running)?.id;

    const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        Notification.error(`${what}: ${said(error)}`, { autoClose: 10_000 });
      }
    };

    app.commands.addCommand(CommandIds.cancel, {
      label: 'Cancel the Running envd Build',
      isEnabled: args => meant(args.id, true) !== undefined,
      execute: args =>
        attempt('The build was not cancelled', async () => {
          const id = meant(args.id, true);
          if (id !== undefined) {
            await builds.api.cancel(id);
          }
        })
    });
    app.commands.addCommand(CommandIds.rebuild, {
      label: 'Repeat the Last envd Build',
      isEnabled: args => meant(args.id, false) !== undefined,
      execute: args =>
        attempt('The build was not started', async () => {
          const id = meant(args.id, false);
          if (id !== undefined) {
            const started = await builds.api.rebuild(id);
            await app.commands.execute(CommandIds.openBuild, { id: started });
          }
        })
    });
    app.commands.addCommand(CommandIds.forget, {
      label: 'Delete an envd Build from the History',
      execute: args =>
        attempt('The build was not deleted', async () => {
          const id = textOf(args.id) ?? '';
          const record = builds.records.get().find(one => one.id === id);
          const title = textOf(args.title) ?? (record ? titleOf(record) : id);
          const answer = await showDialog({
            title: `Delete the build ${title}?`,
            body: 'Its log and its report go with it. Images and caches stay as they are.',
            buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: 'Delete' })]
          });
          if (answer.button.accept) {
            await builds.api.forget(id);
          }
        })
    });
    for (const command of [CommandIds.cancel, CommandIds.rebuild]) {
      palette?.addItem({ command, category: 'envd' });
    }
    builds.records.subscribe(() => {
      app.commands.notifyCommandChanged(CommandIds.cancel);
      app.commands.notifyCommandChanged(CommandIds.rebuild);
    });
  }
};
