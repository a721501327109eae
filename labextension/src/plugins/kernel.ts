/** Knows which kernel a person works with: that of the notebook or console used last. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { ISessionContext } from '@jupyterlab/apputils';
import { IConsoleTracker } from '@jupyterlab/console';
import { INotebookTracker } from '@jupyterlab/notebook';

import { IEnvdBuilds } from '../tokens';

export const kernel: JupyterFrontEndPlugin<void> = {
  id: 'envd-jupyter:kernel',
  description: 'Follows the kernel of the current notebook or console.',
  autoStart: true,
  requires: [IEnvdBuilds],
  optional: [INotebookTracker, IConsoleTracker],
  activate: (
    _app: JupyterFrontEnd,
    envd: IEnvdBuilds,
    notebooks: INotebookTracker | null,
    consoles: IConsoleTracker | null
  ) => {
    let followed: ISessionContext | null = null;

    const show = (): void => {
      const session = followed?.session;
      const id = session?.kernel?.id;
      envd.kernel.set(
        followed && session && id
          ? {
              id,
              name: followed.kernelDisplayName,
              title: session.path.split('/').pop() ?? session.name
            }
          : null
      );
      envd.builds.follow(id ?? null);
    };

    const follow = (context: ISessionContext | null | undefined): void => {
      if (!context || context === followed) {
        return;
      }
      followed?.kernelChanged.disconnect(show);
      followed?.propertyChanged.disconnect(show);
      followed?.disposed.disconnect(forget);
      followed = context;
      followed.kernelChanged.connect(show);
      followed.propertyChanged.connect(show);
      followed.disposed.connect(forget);
      show();
    };

    const forget = (): void => {
      followed = null;
      show();
    };

    notebooks?.currentChanged.connect((_, panel) => follow(panel?.sessionContext));
    consoles?.currentChanged.connect((_, panel) => follow(panel?.sessionContext));
    follow(notebooks?.currentWidget?.sessionContext);
  }
};
