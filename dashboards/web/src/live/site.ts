// The site as the last image told it; what surrounds a page shows its name and clock.
import { shallowRef, watchEffect, type ShallowRef } from 'vue';
import type { SiteImage } from './types';

export const site = shallowRef<SiteImage>();

/** Let the header know the site an image speaks of. */
export function useSiteOf(image: Readonly<ShallowRef<{ site: SiteImage } | undefined>>): void {
  watchEffect(() => {
    if (image.value && image.value.site !== site.value) site.value = image.value.site;
  });
}
