// Names the plant model gives to codes: reasons, stations, lines. Asked once; a code stands for itself until then.
import { shallowRef } from 'vue';
import type { Name } from '../live/types';
import { named } from '../words';
import { get } from './client';

interface Named {
  code: string;
  name?: Name;
}
export interface PlantDocument {
  line?: (Named & { area?: string })[];
  station?: (Named & { line: string; machine?: string; counts_by?: string })[];
  machine?: (Named & { line: string })[];
  reason?: (Named & { kind: string; loss?: string; parent?: string })[];
  source?: { code: string; kind: string; url?: string }[];
  team?: Named[];
}
export const plant = shallowRef<PlantDocument>();
let asking: Promise<void> | undefined;

/** Ask for the model where nobody has yet; a page goes on without it. */
export function loadPlant(): Promise<void> {
  asking ??= get<PlantDocument>('/plant').then(
    (document) => {
      plant.value = document;
    },
    () => {
      asking = undefined;
    },
  );
  return asking;
}

/** A code's name in the page's language. */
export function nameOf(kind: 'line' | 'station' | 'machine' | 'reason', code: string): string {
  const found = (plant.value?.[kind] as Named[] | undefined)?.find((one) => one.code === code);
  return found?.name ? named(found.name) : code;
}
