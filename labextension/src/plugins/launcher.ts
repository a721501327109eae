/** The build form, one click away: a notebook that shows it. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';

import { CommandIds } from '../commandIds';
import { envdIcon } from '../labicons';

const CELLS = ['%load_ext envd_jupyter', '%envd_form'];

export const launcher: JupyterFrontEndPlugin<void> = {
  id: 'envd-jupyter:launcher',
  description: 'Offers a notebook with the build form.',
  autoStart: true,
  optional: [ILauncher, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    launch: ILauncher | null,
    palette: ICommandPalette | null
  ) => {
    app.commands.addCommand(CommandIds.form, {
      label: args =>
        args.isPalette || args.isMenu ? 'New envd Build Form' : 'envd Build Form',
      caption: 'Create a notebook with a form that builds an environment',
      icon: args => (args.isPalette ? undefined : envdIcon),
      execute: async args => {
        const panel = (await app.commands.execute('notebook:create-new', {
          cwd: args.cwd ?? '',
          kernelName: pythonKernel(app)
        })) as NotebookPanel | undefined;
        // Notebook 7 opens it in a page of its own, which this one cannot fill.
        if (panel?.content) {
          await showForm(panel);
        }
      }
    });
    launch?.add({ command: CommandIds.form, category: 'Notebook', rank: 100 });
    palette?.addItem({ command: CommandIds.form, category: 'envd', args: { isPalette: true } });
  }
};

function pythonKernel(app: JupyterFrontEnd): string {
  const specs = app.serviceManager.kernelspecs.specs;
  const kernels = Object.values(specs?.kernelspecs ?? {});
  const usual = specs?.default ?? 'python3';
  const python = kernels.find(
    spec => spec?.language === 'python' && (spec.name === usual || spec.name === 'python3')
  );
  return (python ?? kernels.find(spec => spec?.language === 'python'))?.name ?? usual;
}

async function showForm(panel: NotebookPanel): Promise<void> {
  await panel.revealed;
  await panel.sessionContext.ready;
  const notebook = panel.content;
  CELLS.forEach((source, place) => {
    if (place > 0) {
      NotebookActions.insertBelow(notebook);
    }
    notebook.activeCell?.model.sharedModel.setSource(source);
  });
  await NotebookActions.runAll(notebook, panel.sessionContext);
}
