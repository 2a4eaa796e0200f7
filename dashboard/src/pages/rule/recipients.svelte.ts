/** Who can be told, read once: by whoever may see them. */

import { type RecipientView, api, items } from "../../api/api";
import { session } from "../../api/session.svelte";
import { Resource } from "../../state/resource.svelte";

class Recipients {
  readonly list = new Resource<readonly RecipientView[]>(async () => {
    const found: RecipientView[] = [];
    for await (const one of items<RecipientView>((cursor) =>
      api.GET("/recipients", { params: { query: { ...cursor } } }),
    )) {
      found.push(one);
    }
    return found;
  });
  #asked = false;

  want(): void {
    if (this.#asked || !session.may("recipients:read")) return;
    this.#asked = true;
    void this.list.load();
  }
}

export const recipients = new Recipients();
