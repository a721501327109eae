import { LabIcon } from '@jupyterlab/ui-components';

const LAYERS =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">' +
  '<g class="jp-icon3" fill="#616161">' +
  '<path d="M12 2.5 21.5 7.4 12 12.3 2.5 7.4z"/>' +
  '<path d="m4.9 10.6 7.1 3.7 7.1-3.7 2.4 1.3-9.5 4.9-9.5-4.9z" opacity=".78"/>' +
  '<path d="m4.9 15.1 7.1 3.7 7.1-3.7 2.4 1.3-9.5 4.9-9.5-4.9z" opacity=".52"/>' +
  '</g></svg>';

/** Layers of an image, some of them from a cache. */
export const envdIcon = new LabIcon({ name: 'envd-jupyter:layers', svgstr: LAYERS });
