/** Keeps the list of builds up to date, for the panel, the status bar and the commands. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { Api } from '../api';
import { Builds } from '../builds';
import { CommandIds } from '../commandIds';
import type { CurrentKernel } from '../settings/CacheSettings';
import { Store } from '../store';
import { IEnvdBuilds } from '../tokens';

const PATH = 'envd-jupyter/api';

export const builds: JupyterFrontEndPlugin<IEnvdBuilds> = {
  id: 'envd-jupyter:builds',
  description: 'Provides the envd builds of the server.',
  autoStart: true,
  provides: IEnvdBuilds,
  activate: (app: JupyterFrontEnd): IEnvdBuilds => {
    const settings = app.serviceManager.serverSettings;
    const api = new Api((path, init) =>
      ServerConnection.makeRequest(URLExt.join(settings.baseUrl, PATH, path), init, settings)
    );
    const run = async (command: string, args: Record<string, string>): Promise<void> => {
      await app.commands.execute(command, args);
    };
    return {
      builds: new Builds(api, path => connect(settings, path)),
      kernel: new Store<CurrentKernel | null>(null),
      actions: {
        open: (id, part) => void run(CommandIds.openBuild, { id, ...(part && { part }) }),
        cancel: id => run(CommandIds.cancel, { id }),
        rebuild: id => run(CommandIds.rebuild, { id }),
        forget: (id, title) => run(CommandIds.forget, { id, title }),
        form: () => void run(CommandIds.form, {})
      }
    };
  }
};

function connect(settings: ServerConnection.ISettings, path: string): WebSocket {
  let url = URLExt.join(settings.wsUrl, PATH, path);
  if (settings.appendToken && settings.token) {
    url += `${url.includes('?') ? '&' : '?'}token=${encodeURIComponent(settings.token)}`;
  }
  return new settings.WebSocket(url);
}
