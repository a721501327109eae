/** Opens a build in a tab of its own: its steps, its log, and why steps ran again. */
import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';

import type { BuildPart } from '../actions';
import { CommandIds, textOf } from '../commandIds';
import { BuildDocument } from '../detail/BuildDocument';
import { envdIcon } from '../labicons';
import { Store } from '../store';
import { IEnvdBuilds } from '../tokens';
import { shown } from '../widget';

interface Opened {
  widget: MainAreaWidget;
  part: Store<BuildPart>;
}

export const documents: JupyterFrontEndPlugin<void> = {
  id: 'envd-jupyter:documents',
  description: 'Opens envd builds in tabs.',
  autoStart: true,
  requires: [IEnvdBuilds],
  optional: [ILayoutRestorer],
  activate: (app: JupyterFrontEnd, envd: IEnvdBuilds, restorer: ILayoutRestorer | null) => {
    const { builds, actions } = envd;
    const opened = new Map<string, Opened>();
    const tracker = new WidgetTracker<MainAreaWidget>({ namespace: 'envd-builds' });
    const parts = new Map<MainAreaWidget, [string, Store<BuildPart>]>();

    const make = (id: string, first: BuildPart): Opened => {
      const part = new Store<BuildPart>(first);
      const onTitle = (title: string): void => {
        widget.title.label = title;
      };
      const content = shown(
        <BuildDocument
          builds={builds}
          id={id}
          part={part}
          actions={actions}
          onTitle={onTitle}
        />
      );
      content.addClass('ej-document');
      const widget = new MainAreaWidget({ content });
      widget.id = `envd-build-${id}`;
      widget.node.dataset.build = id;
      widget.title.closable = true;
      widget.title.icon = envdIcon;
      widget.title.caption = `envd build ${id}`;
      widget.title.label = 'envd build';
      parts.set(widget, [id, part]);
      const stop = part.subscribe(() => void tracker.save(widget));
      widget.disposed.connect(() => {
        stop();
        opened.delete(id);
        parts.delete(widget);
      });
      return { widget, part };
    };

    app.commands.addCommand(CommandIds.openBuild, {
      label: 'Open an envd Build',
      execute: async args => {
        const id = textOf(args.id) ?? builds.records.get()[0]?.id;
        if (id === undefined) {
          return;
        }
        const part = asPart(args.part);
        const there = opened.get(id);
        if (there) {
          if (args.part) {
            there.part.set(part);
          }
        } else {
          const made = make(id, part);
          opened.set(id, made);
          place(app, made.widget);
          await tracker.add(made.widget);
        }
        app.shell.activateById(`envd-build-${id}`);
      }
    });

    if (restorer) {
      void restorer.restore(tracker, {
        command: CommandIds.openBuild,
        args: widget => {
          const [id, part] = parts.get(widget) ?? ['', null];
          return { id, part: part?.get() ?? 'steps' };
        },
        name: widget => parts.get(widget)?.[0] ?? ''
      });
    }
  }
};

/** Notebook 7 shows one document and no tabs: there a build stands below it. */
function place(app: JupyterFrontEnd, widget: MainAreaWidget): void {
  const alone = app.name === 'Jupyter Notebook';
  app.shell.add(widget, alone ? 'down' : 'main', { type: 'envd build' });
}

function asPart(value: unknown): BuildPart {
  return value === 'log' || value === 'report' ? value : 'steps';
}
