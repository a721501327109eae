/** The sidebar: builds and the cache settings of the current kernel. */
import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { SidePanel, ToolbarButton, addIcon, type ReactWidget } from '@jupyterlab/ui-components';

import { CommandIds } from '../commandIds';
import { envdIcon } from '../labicons';
import { BuildsView } from '../panel/BuildsView';
import { CacheSettings } from '../settings/CacheSettings';
import { IEnvdBuilds } from '../tokens';
import { shown } from '../widget';

const ID = 'envd-jupyter-panel';

export const panel: JupyterFrontEndPlugin<void> = {
  id: 'envd-jupyter:panel',
  description: 'Shows envd builds and cache settings in the sidebar.',
  autoStart: true,
  requires: [IEnvdBuilds],
  optional: [ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    envd: IEnvdBuilds,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ) => {
    const { builds, kernel, actions } = envd;
    const side = new SidePanel();
    side.id = ID;
    side.addClass('ej-panel');
    side.title.icon = envdIcon;
    side.title.caption = 'envd builds';
    side.node.setAttribute('role', 'region');
    side.node.setAttribute('aria-label', 'envd builds');
    side.toolbar.addItem(
      'form',
      new ToolbarButton({
        icon: addIcon,
        label: 'Build form',
        tooltip: 'Open a notebook with a build form',
        onClick: () => actions.form()
      })
    );
    const add = (title: string, widget: ReactWidget): void => {
      widget.title.label = title;
      side.addWidget(widget);
    };
    add('Builds', shown(<BuildsView builds={builds} actions={actions} />));
    add('Cache settings', shown(<CacheSettings builds={builds} kernel={kernel} />));
    app.commands.addCommand(CommandIds.openPanel, {
      label: 'Show envd Builds',
      caption: 'Show running builds, the history and the cache settings of the kernel',
      icon: envdIcon,
      execute: () => app.shell.activateById(ID)
    });
    palette?.addItem({ command: CommandIds.openPanel, category: 'envd' });

    app.shell.add(side, 'left', { rank: 600, type: 'envd builds' });
    restorer?.add(side, ID);
  }
};
