/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/reason.h"

static const struct {
    const char *id, *remedy;
} reasons[REASON_MAX_] = {
    [REASON_NONE] = {"", ""},
    [REASON_NOT_GRANTED] = {"not-granted",
        "ask an administrator of this agent for a grant that names you and the key"},
    [REASON_NO_SUCH_KEY] = {"no-such-key",
        "see 'countersign key list' for the keys of this agent, or ask the agent that holds it"},
    [REASON_KEY_OUTSIDE_SCOPE] = {"key-outside-scope",
        "use a key whose scope has this repository and role, or let an administrator widen it"},
    [REASON_KEY_CHANGED] = {"key-changed",
        "put the key that was there before back on the token, or give the new one a new name"},
    [REASON_OWN_KEY_OUTSIDE_SCOPE] = {"own-key-outside-scope",
        "leave that key out of the role, or let an administrator add the role to its scope"},
    [REASON_DELEGATION_RIGHT] = {"delegation-right",
        "leave the delegations as they are, or ask for a grant with 'delegate: true'"},
    [REASON_BASE] = {"base",
        "fetch what is published again; a file in another form than the one that is written here "
        "must be signed anew once by someone with 'delegate: true' and, where it delegates, "
        "'approvals'"},
    [REASON_LISTED_ELSEWHERE] = {"listed-elsewhere",
        "have the key removed from the role that lists it, or let an administrator add that role "
        "to its scope"},
    [REASON_BASE_MISSING] = {"base-missing",
        "bring what is published with the request, and let an administrator name the repository's "
        "root keys under 'roots' if this agent did not sign its root"},
    [REASON_UNIT] = {"unit",
        "run it as the systemd unit that the grant names, on Linux 6.5 or newer"},
    [REASON_TAG] = {"tag-not-granted",
        "leave the other tags as they are, or ask for a grant whose 'tags' match them"},
    [REASON_QUOTA] = {"quota", "wait until there is room again, or ask for a higher 'quota'"},
    [REASON_WEAKER] = {"weaker",
        "keep the threshold, or ask for a grant with 'approvals', so that somebody else agrees"},
    [REASON_APPROVALS] = {"approvals",
        "ask one of the approvers to run 'countersign approve', then send the same bytes again"},
    [REASON_STALE] = {"stale",
        "fetch the newest version; if it is not there, whoever made it must publish it"},
    [REASON_ROLLBACK] = {"rollback",
        "fetch the newest version from the server and make the change on top of it"},
    [REASON_VERSION_JUMP] = {"version-jump",
        "use the version that follows the newest one on the server"},
    [REASON_ROOT_VERSION] = {"root-version",
        "use the version that follows the newest root on the server; if it was made without this "
        "agent, have 'roots' of the policy pin its key first"},
    [REASON_EXPIRED] = {"expired", "set an expiry in the future, and check both clocks"},
    [REASON_VALIDITY] = {"validity-too-long",
        "set an earlier expiry, or ask for a grant with a longer 'max_validity'"},
    [REASON_DUPLICATE_KEY] = {"duplicate-key", "list each key once"},
    [REASON_KEY_ID] = {"key-id-mismatch",
        "make the document anew: a key is listed under the SHA-256 of its own object"},
    [REASON_THRESHOLD] = {"threshold",
        "set a threshold from 1 to the number of distinct keys of the role"},
    [REASON_HASHES] = {"hashes",
        "give every target a sha256 of 32 bytes, and no other hash but sha512"},
    [REASON_CUSTOM] = {"custom", "leave '<', '>', '&' and line separators out of 'custom'"},
    [REASON_ROLE_NAME] = {"role-name",
        "use root, targets, snapshot, or 'targets/' and components of a-z, 0-9, '-' and '_'"},
    [REASON_NOT_NORMAL] = {"not-normal",
        "name the repository in full, with its registry: 'docker.io/library/alpine'"},
    [REASON_NEVER_SIGNED] = {"role-never-signed",
        "leave the timestamp to the server, which holds its key"},
    [REASON_TYPE] = {"type-mismatch", "send the document under the role that it was made for"},
    [REASON_ROOT_CERTIFICATE] = {"root-certificate",
        "list only certificates whose one CN is the repository in the root role"},
    [REASON_REPOSITORY] = {"repository-not-granted",
        "ask an administrator to add the repository to the grant on the root key"},
    [REASON_TOKEN] = {"token-unavailable",
        "see 'countersign status' for the token, or ask again with --skip-unavailable"},
    [REASON_POLICY_INVALID] = {"policy-invalid",
        "let an administrator run 'countersign-agent --check-policy', mend the policy and reload"},
    [REASON_NOT_ADMIN] = {"not-admin",
        "ask one of those whom 'admins' in the policy of this agent names"},
    [REASON_NOT_APPROVER] = {"not-approver",
        "let one of those vote whom 'approvals' of the grant names"},
    [REASON_OWN_REQUEST] = {"own-request", "let somebody else vote: who asks never approves"},
    [REASON_APPROVAL_DENIED] = {"approval-denied", "ask who denied it, and make the document anew"},
    [REASON_APPROVAL_MISMATCH] = {"approval-mismatch",
        "look at the request again and type the first 8 digits of its digest"},
    [REASON_REPLAY] = {"replay",
        "use a new root key; or an administrator runs 'countersign retire --accept-replay' and "
        "accepts that who kept the old roots can publish them again"},
};

const char *
reason_id(enum reason reason)
{
    return reasons[reason].id;
}

const char *
reason_remedy(enum reason reason)
{
    return reasons[reason].remedy;
}
