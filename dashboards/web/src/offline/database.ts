// Where the queue lies: one object store in IndexedDB, so that a closed browser loses nothing.
import type { Said, Store } from './queue';

const NAME = 'takt';
const SAID = 'said';

function asked<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error ?? new Error('IndexedDB'));
    };
  });
}

export class BrowserStore implements Store {
  private opened: Promise<IDBDatabase> | undefined;

  constructor(private readonly station: string) {}

  private database(): Promise<IDBDatabase> {
    this.opened ??= (() => {
      const request = indexedDB.open(`${NAME} ${this.station}`, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(SAID, { keyPath: 'id' });
      return asked(request);
    })();
    return this.opened;
  }

  private async run<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const transaction = (await this.database()).transaction(SAID, mode);
    const answer = await asked(ask(transaction.objectStore(SAID)));
    if (mode === 'readwrite') {
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => {
          resolve();
        };
        transaction.onerror = transaction.onabort = () => {
          reject(transaction.error ?? new Error('IndexedDB'));
        };
      });
    }
    return answer;
  }

  all(): Promise<Said[]> {
    return this.run('readonly', (store) => store.getAll() as IDBRequest<Said[]>);
  }

  async put(said: Said): Promise<void> {
    await this.run('readwrite', (store) => store.put(said));
  }

  async remove(id: string): Promise<void> {
    await this.run('readwrite', (store) => store.delete(id));
  }
}
