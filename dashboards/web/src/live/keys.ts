// Every key typed anywhere on the page, for a barcode reader.
import { onScopeDispose } from 'vue';

export function useKeys(handle: (event: KeyboardEvent) => void): void {
  addEventListener('keydown', handle, true);
  onScopeDispose(() => {
    removeEventListener('keydown', handle, true);
  });
}
