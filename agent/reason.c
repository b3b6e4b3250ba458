/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/reason.h"

static const struct {
    const char *id, *rule, *remedy;
} reasons[REASON_MAX_] = {
    [REASON_NONE] = {"", "", ""},
    [REASON_NOT_GRANTED] = {"not-granted", "1",
        "ask an administrator of this agent for a grant that names you and the key"},
    [REASON_NO_KEY_GRANTED] = {"no-key-granted", "5",
        "ask an administrator of this agent for a grant on one of the keys that the role wants"},
    [REASON_NO_SUCH_KEY] = {"no-such-key", "5",
        "see 'countersign key list' for the keys of this agent, or ask the agent that holds it"},
    [REASON_KEY_OUTSIDE_SCOPE] = {"key-outside-scope", "3",
        "use a key whose scope has this repository and role, or let an administrator widen it"},
    [REASON_KEY_CHANGED] = {"key-changed", "4",
        "put the key that was there before back on the token, or give the new one a new name"},
    [REASON_OWN_KEY_OUTSIDE_SCOPE] = {"own-key-outside-scope", "6",
        "leave that key out of the role, or let an administrator add the role to its scope"},
    [REASON_DELEGATION_RIGHT] = {"delegation-right", "7",
        "leave the delegations as they are, or ask for a grant with 'delegate: true'"},
    [REASON_BASE] = {"base", "9",
        "fetch what is published again; a file in another form than the one that is written here "
        "must be signed anew once by someone with 'delegate: true'"},
    [REASON_STALE] = {"stale", "9",
        "fetch the newest version; if it is not there, whoever made it must publish it"},
    [REASON_ROLLBACK] = {"rollback", "8",
        "fetch the newest version from the server and make the change on top of it"},
    [REASON_VERSION_JUMP] = {"version-jump", "8",
        "use the version that follows the newest one on the server"},
    [REASON_ROOT_VERSION] = {"root-version", "8",
        "use the version that follows the newest root on the server"},
    [REASON_EXPIRED] = {"expired", "12", "set an expiry in the future, and check both clocks"},
    [REASON_VALIDITY] = {"validity-too-long", "11",
        "set an earlier expiry, or ask for a grant with a longer 'max_validity'"},
    [REASON_DUPLICATE_KEY] = {"duplicate-key", "12", "list each key once"},
    [REASON_KEY_ID] = {"key-id-mismatch", "12",
        "make the document anew: a key is listed under the SHA-256 of its own object"},
    [REASON_THRESHOLD] = {"threshold", "12",
        "set a threshold from 1 to the number of distinct keys of the role"},
    [REASON_HASHES] = {"hashes", "12",
        "give every target a sha256 of 32 bytes, and no other hash but sha512"},
    [REASON_CUSTOM] = {"custom", "12", "leave 'custom' out, or make it a JSON object"},
    [REASON_ROLE_NAME] = {"role-name", "4",
        "use root, targets, snapshot, or 'targets/' and components of a-z, 0-9, '-' and '_'"},
    [REASON_NOT_NORMAL] = {"not-normal", "4",
        "name the repository in full, with its registry: 'docker.io/library/alpine'"},
    [REASON_NEVER_SIGNED] = {"role-never-signed", "4",
        "leave the timestamp to the server, which holds its key"},
    [REASON_TYPE] = {"type-mismatch", "4", "send the document under the role that it was made for"},
    [REASON_ROOT_CERTIFICATE] = {"root-certificate", "3",
        "list only certificates whose one CN is the repository in the root role"},
    [REASON_REPOSITORY] = {"repository-not-granted", "3",
        "ask an administrator to add the repository to the grant on the root key"},
    [REASON_TOKEN] = {"token-unavailable", "5",
        "see 'countersign status' for the token, or ask again with --skip-unavailable"},
    [REASON_POLICY_INVALID] = {"policy-invalid", "15",
        "let an administrator run 'countersign-agent --check-policy', mend the policy and reload"},
    [REASON_NOT_ADMIN] = {"not-admin", "1",
        "ask one of those whom 'admins' in the policy of this agent names"},
};

const char *
reason_id(enum reason reason)
{
    return reasons[reason].id;
}

const char *
reason_rule(enum reason reason)
{
    return reasons[reason].rule;
}

const char *
reason_remedy(enum reason reason)
{
    return reasons[reason].remedy;
}
