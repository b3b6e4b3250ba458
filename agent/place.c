/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/place.h"

void
place_done(struct place *place)
{
    free(place->uri);
    pubkey_unref(place->pubkey);
    *place = (struct place){0};
}

struct frame
place_format_find(const struct place *places, uint32_t index, bool is_anew)
{
    const struct place *place = &places[index];
    struct frame frame = {.type = FRAME_FIND};

    frame.find.place = index;
    frame.find.is_anew = is_anew;
    frame.find.uri = span_of(place->uri);
    if (place->pubkey)
        frame.find.spki = pubkey_spki(place->pubkey);
    return frame;
}

void
place_learn(struct place *place, const struct frame_key *key)
{
    closing(pubkey_unrefp) struct pubkey *found = NULL;
    struct why why;

    place->is_known = true;
    place->is_other = false;
    place->n_matches = key->n_matches;
    place->methods = key->methods;
    place->provenance = key->provenance;
    place->with_message = key->with_message;
    snprintf(place->detail, sizeof place->detail, "%.*s", (int)key->detail.len, key->detail.p);
    if (key->spki.len == 0) {
        place->methods = place->pubkey ? place->methods : 0;
        return;
    }

    if (pubkey_from_spki(&found, key->spki, &why)) {
        place->methods = 0;
        snprintf(
            place->detail, sizeof place->detail, "%.*s", (int)sizeof place->detail - 1, why.text);
    } else if (!place->pubkey) {
        place->pubkey = steal(found);
    } else {
        place->is_other = !span_eq(pubkey_spki(found), pubkey_spki(place->pubkey));
    }
}
