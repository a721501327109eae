import { renderer } from './plugins/renderer';

export default [renderer];
