import { ReactWidget } from '@jupyterlab/ui-components';
import type { JSX } from 'react';

/** Return a component as a widget with this extension's colours and letters. */
export function shown(component: JSX.Element): ReactWidget {
  const widget = ReactWidget.create(component);
  widget.addClass('ej-ui');
  return widget;
}
