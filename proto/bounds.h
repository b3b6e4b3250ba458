/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * bounds — every limit on what a peer, a file or a server controls: unit in the name, reason beside
 * it. The protocol manual lists those of the socket; a test holds both together.
 */

/* Documents */
#define DOCUMENT_MAX_BYTES   (16 * 1024 * 1024) /* a role with 100,000 tags is 9 MiB */
#define DOCUMENTS_MAX        64                 /* one push into every role of a repository */
#define JSON_MAX_DEPTH       16                 /* TUF needs 7 */
#define GOJSON_MAX_DEPTH     64                 /* what others publish; each level is a call */
#define MEMBERS_MAX_DEPTH    64                 /* frames, answers, files: each level is a call */
#define INTEGER_MAX          9007199254740991LL /* 2^53-1: beyond it Go's verifier rounds */
#define REPOSITORY_MAX_BYTES 255                /* the column of notary-server's database */
#define ROLE_MAX_BYTES       255                /* likewise, and Notary's rule for delegations */
#define TAG_MAX_BYTES        128                /* docker's and OCI's grammar */
#define TARGETS_MAX          500000             /* what fits into DOCUMENT_MAX_BYTES, rounded up */
#define DELEGATIONS_MAX      1024               /* roles listed by one document */
#define KEYS_MAX             1024               /* keys listed by one document */
#define PATHS_MAX            1024               /* paths of one delegation */
#define SNAPSHOT_FILES_MAX   4096               /* of one snapshot: removed roles stay listed */
#define SIGNATURES_MAX       256                /* signatures on one file */
#define SIGNATURE_MAX_BYTES  1024               /* RSA with 8192 bits */
#define PUBLIC_KEY_MAX_BYTES (64 * 1024)        /* a certificate with its intermediates */
#define KEYTYPE_MAX_BYTES    64                 /* Notary's longest has 10 */
#define RSA_MIN_BITS         2048               /* Notary's own minimum */
#define RSA_MAX_BITS         8192               /* what SIGNATURE_MAX_BYTES holds */
#define KEYS_WANTED_MAX      64                 /* keys named by one document of a request */
#define VERSION_STEP_MAX     1000               /* versions skipped at once: retries, not a jump */
#define CHAIN_FILES_MAX      2048               /* files of one published chain in a request */
#define SEEN_MAX_BYTES       (64 * 1024 * 1024) /* published files that the agent keeps at hand */
#define SEEN_MAX_FILES       16384              /* of them: half of all are some hundred bytes */
#define FLOORS_MAX           65536              /* roles of one repository that were ever seen */
#define VALIDITY_SLACK_S     86400              /* clocks of client and agent differ */
#define CHANGES_MAX_BYTES    (32 * 1024)        /* differences in one reply, in equal parts */

/* The socket */
#define FRAME_MAX_BYTES          (64 * 1024 * 1024)  /* a batch of large documents, in base64 */
#define FRAME_SMALL_MAX_BYTES    (64 * 1024)         /* all that a stranger may send */
#define FRAMES_MAX_BYTES_PER_UID (128 * 1024 * 1024) /* frames of one uid in memory */
#define FRAMES_MAX_BYTES         (256 * 1024 * 1024) /* frames of all uids in memory */
#define FRAMES_RESERVE_BYTES     (32 * 1024 * 1024)  /* of either, kept for 512 small frames */
#define FRAME_VALUES_MAX         100000        /* JSON values of one; each takes up to 240 bytes */
#define CONN_MAX_PER_STRANGER    4             /* a uid that no grant and no admin entry names */
#define CONN_MAX_STRANGERS       1024          /* of them all: one user can have many subuids */
#define CONN_MAX_PER_UID         256           /* a CI host signs in parallel */
#define CONN_MAX                 4096          /* descriptors; then the longest idle one goes */
#define CONN_LIFETIME_S          3600          /* groups are those of connect time */
#define FRAME_SMALL_TIMEOUT_S    10            /* to complete a frame up to 64 KiB */
#define FRAME_TIMEOUT_S          60            /* to complete a larger one */
#define SIGNATURES_MAX_PER_SIGN  400           /* the longest that a reply can hold */
#define OUTPUT_MAX_BYTES         (1024 * 1024) /* queued replies; then the producer stops */
#define OUTPUT_TIMEOUT_S         30            /* without progress of the reader */
#define FOLLOW_MAX_S             600           /* then who follows the records asks again */
#define UPGRADE_TIMEOUT_S        360           /* of a secret that a token's process reads */
#define TURN_SHORT_US            100           /* of the loop; who took more may have to pay */
#define TURN_PAUSE_MAX_MS        250           /* until the next turn; people would notice more */

/* Tokens */
#define TOKENS_MAX              64          /* tokens of one policy */
#define WORKERS_MAX             64          /* processes for one token */
#define TOKEN_KEYS_MAX          4096        /* private keys found on one token */
#define WORKER_MESSAGE_BYTES    (64 * 1024) /* one message to or from a worker */
#define WORKER_BATCH_MAX        16          /* signatures asked for in one message */
#define WORKER_PATH_BYTES       107         /* of a worker's socket; unix(7): a NUL is behind it */
#define FORBIDDEN_MAX           67   /* paths that a worker is kept from: PINs of others, 4 */
#define PIN_MAX_BYTES           256  /* tpm2-pkcs11 takes 128 */
#define PIN_TIMEOUT_S           10   /* to send a PIN; whoever types it did so before */
#define UNLOCK_TIMEOUT_S        345  /* a PIN, and the longest call */
#define PASSPHRASE_MAX_BYTES    1024 /* of a key file; what OpenSSL asks a terminal for */
#define KEY_FILE_MAX_BYTES      (64 * 1024) /* RSA with 8192 bits, and certificates beside it */
#define KEY_FILE_ITERATIONS_MAX 2000000     /* of PBKDF2, a second or two; OWASP asks for 600,000 */
#define TOKEN_QUEUE_MAX         1024        /* signatures waiting for one token */
#define TOKEN_CALL_TIMEOUT_S    30          /* one PKCS#11 call: a touch is waited for 15 s */
#define TOKEN_TIMEOUT_MAX_S     300 /* what a policy may make of that; nobody waits longer */
#define TOKEN_ERRANDS_MAX       16  /* new keys and the like that wait for one token */
#define ATTEST_MAX              32  /* certificates of a token; a YubiKey has 2 for each key */
#define ATTEST_MAX_BYTES        (48 * 1024) /* of all of them, within one message */
#define GENERATE_TIMEOUT_S      120         /* a TPM looks for the primes of RSA for a minute */
#define IMPORT_TIMEOUT_S        10          /* the client has the file ready before it asks */
#define BUSY_RETRY_MIN_MS       100         /* until a client that found it busy should come back */
#define BUSY_RETRY_MS           1000        /* likewise, where nothing better is known */
#define BUSY_RETRY_MAX_MS       10000       /* likewise; clients wait BUSY_WAIT_S in all */
#define SIGN_TIMEOUT_S          120         /* one Sign request, queueing included */

/* The ledger */
#define RECORD_NAMES_MAX      64           /* names in a list of a record; then count, digest */
#define RECORD_MAX_BYTES      (480 * 1024) /* twice of it, escaped, fits into OUTPUT_MAX_BYTES */
#define REFUSALS_MAX_PER_MIN  60           /* records of refusals per uid; then one counts */
#define STRANGERS_MAX_PER_MIN 600  /* records of refusals of all whom the policy does not name */
#define REFUSED_UIDS_MAX      1024 /* uids whose refusals are counted apart; 56 KiB */
#define LEDGER_RESERVE_BYTES                                                                       \
    (64 * 1024 * 1024)                         /* of the file system, kept for allowed requests    \
                                                */
#define ROOT_CERTIFICATE_DAYS 3650             /* as Notary makes them */
#define CERTIFICATE_DAYS      1095             /* of a delegation, as long as its documents */
#define CERTIFICATE_DAYS_MAX  36500            /* a century; X.509 ends with the year 9999 */
#define ROOT_VALIDITY_S       (3650LL * 86400) /* Notary's default for root */
#define TARGETS_VALIDITY_S    (1095LL * 86400) /* Notary's default for targets and delegations */
#define SNAPSHOT_VALIDITY_S   (1095LL * 86400) /* Notary's default for snapshot */

/* Requests that wait for votes */
#define PARKED_LIFETIME_S        3600               /* then it has to be asked for again */
#define PARKED_MAX               256                /* of all uids */
#define PARKED_MAX_PER_UID       16                 /* people look at each of them */
#define PARKED_MAX_BYTES         (64 * 1024 * 1024) /* of all of them, in the ledger */
#define PARKED_REQUEST_MAX_BYTES (896 * 1024)       /* of one, as JSON: one reply shows it all */
#define PARKED_CLOSED_MAX        1024         /* released or denied ones, remembered for retries */
#define PARKED_VOTES_MAX         64           /* votes on one request; each voter is looked up */
#define PARKED_REASON_MAX_BYTES  400          /* why somebody denied one */
#define SCOPE_NAMES_MAX          256          /* places in which the keys of one count, listed */
#define VIGILS_MAX               64           /* calls that wait for votes */
#define VIGILS_MAX_PER_UID       8            /* of one uid */
#define VIGIL_MAX_BYTES          (512 * 1024) /* documents and bases of one: they stay in memory */

/* The policy */
#define POLICY_FILE_MAX_BYTES  (1024 * 1024) /* one YAML file */
#define POLICY_FILES_MAX       1000          /* files in policy.d */
#define POLICY_DEPTH_MAX       16            /* a key's scope needs 7 */
#define POLICY_ENTRIES_MAX     4096   /* of one list or mapping; names are compared pairwise */
#define POLICY_RIGHTS_MAX      262144 /* user by key by repository by role, written out: 16 MiB */
#define POLICY_DOUBTS_MAX      4096 /* warnings; nobody reads more, and pairs of grants are many */
#define POLICY_CHANGES_MAX     200  /* sentences of a reload; then their number */
#define POLICY_TEXT_MAX_BYTES  4096 /* one scalar: PATH_MAX */
#define POLICY_NAME_MAX_BYTES  64   /* name of a token, key, socket or grant */
#define POLICY_ENVIRONMENT_MAX 64   /* variables of one token */
#define SOCKETS_MAX            64   /* doors beside the main one; each has a listener */
#define SOCKET_PATH_BYTES      107  /* of a door; unix(7): a NUL is behind it */
#define UNIT_NAME_MAX_BYTES    255  /* systemd.unit(5) */
#define APPROVALS_MAX          16   /* people who must agree: more never meet in an hour */
#define UNPUBLISHED_TAGS_MAX   1024 /* that versions of one role change which are not published */
#define QUOTA_MAX              100000 /* documents in a window: each is a row of the ledger */
#define QUOTAS_SHOWN_MAX       1024   /* in Status to an admin */
#define QUOTA_WINDOW_MAX_S     (31LL * 86400) /* a month: rows older than that go */
#define POLICY_READ_TRIES      3              /* readings, where files change under the reader */
#define PATTERN_MAX_BYTES      512            /* twice the repository's 255: wildcards add little */
#define VALIDITY_MAX_S         (36500LL * 86400) /* a century: more is a slip of the pen */
#define PEER_GROUPS_MAX        65536             /* NGROUPS_MAX of Linux */

/* The client */
#define HTTP_TIMESTAMP_MAX_BYTES  (1024 * 1024)      /* Notary's own limit for a timestamp */
#define HTTP_ERROR_MAX_BYTES      (64 * 1024)        /* an error body that is worth reading */
#define HTTP_HEADERS_MAX_BYTES    (64 * 1024)        /* of one answer; a long challenge is 2 KiB */
#define HTTP_REDIRECTS_MAX        5                  /* a registry sends to its storage: one */
#define HTTP_ATTEMPTS_MAX         3                  /* of what may be repeated */
#define HTTP_RETRY_MS             250                /* before the second try, twice that later */
#define HTTP_RETRY_MAX_S          10                 /* beyond it, somebody else may wait */
#define HTTP_CONNECT_TIMEOUT_S    30                 /* TCP and TLS; a busy CI host takes 10 s */
#define HTTP_IDLE_TIMEOUT_S       30                 /* without a byte */
#define HTTP_TIMEOUT_S            600                /* one answer, however slowly it drips */
#define CERTIFICATES_MAX_BYTES    (4 * 1024 * 1024)  /* Debian's bundle is 220 KiB */
#define CREDENTIALS_MAX_BYTES     (1024 * 1024)      /* a file of credentials; the usual is 1 KiB */
#define SECRET_MAX_BYTES          (64 * 1024)        /* a password or token; JWTs are some KiB */
#define HELPER_TIMEOUT_S          60                 /* someone may have to unlock a keychain */
#define BUSY_WAIT_S               30                 /* for an agent that says it is busy */
#define ROOT_PIN_TIMEOUT_S        10                 /* TrustedRoot asks nobody else */
#define COMPLETION_AGENT_MS       300                /* somebody waits with a finger on the key */
#define PINNING_MAX_BYTES         (1024 * 1024)      /* 10,000 names with an ID each */
#define PINNING_NAMES_MAX         10000              /* of one table of a pinning file */
#define PINNING_ROLES_MAX         256                /* that a gate wants of one repository */
#define ADMISSION_MAX_BYTES       (8 * 1024 * 1024)  /* Kubernetes takes objects up to 3 MiB */
#define ADMISSION_IMAGES_MAX      1024               /* of one object */
#define VERIFIER_INPUT_MAX_BYTES  (1024 * 1024)      /* a descriptor; the usual is 200 bytes */
#define PINNING_TIMEOUT_MAX_S     600                /* of one image: containerd waits for 10 s */
#define CHAIN_WHOLE_MAX_BYTES     (30 * 1024)        /* of a file; a larger one by digest first */
#define UPLOAD_MAX_BYTES          (64 * 1024 * 1024) /* all files of one publication */
#define MANIFEST_MAX_BYTES        (16 * 1024 * 1024) /* registries take 4 MiB, some more */
#define MANIFEST_DESCRIPTORS_MAX  4096 /* layers: engines stop at 127; platforms: 50 */
#define IMAGE_MANIFESTS_MAX       1024 /* of one index, with referrers */
#define IMAGE_MANIFESTS_MAX_BYTES (64 * 1024 * 1024) /* of all of them, in memory */
#define IMAGE_BLOBS_MAX           131072             /* layers of all of them: 128 for each */
#define IMAGE_DEPTH_MAX           4                  /* an index of indexes is rare, and enough */
#define LAYOUT_MAX_BYTES          4096               /* of the file oci-layout, which has 30 */
#define ARCHIVE_ENTRIES_MAX       65536              /* of one tar file: three for each layer */
#define ARCHIVE_NAME_MAX_BYTES    512                /* of one entry; a blob's has 77 */
#define ARCHIVE_FREE_BYTES        (128LL * 1024 * 1024) /* unpacked, however little they were */
#define ARCHIVE_RATIO_MAX         1100               /* beyond it; gzip reaches 1,032, bombs more */
#define UPLOAD_WORKERS            8                  /* blobs on their way at once */
#define UPLOAD_CHUNK_BYTES        (64 * 1024 * 1024) /* sent again where a connection breaks */
#define UPLOAD_CHUNK_MIN          (1024 * 1024)      /* proxies that take less are of no use */
#define UPLOAD_CHUNK_STEP         8                  /* times smaller, where a proxy refuses one */
#define UPLOAD_ATTEMPTS_MAX       8                  /* of one blob, without any progress */
#define ENGINE_MESSAGE_MAX_BYTES  (64 * 1024)        /* one message of the engine's stream */
#define HTTP_RATE_MIN             1024               /* bytes a second of a body: else it hangs */
#define HTTP_WORK_TIMEOUT_S       300                /* a registry copies a blob in its store */
#define CREW_TICK_MS              100                /* redrawing more often shows nothing new */
#define TARGET_FILE_MAX_BYTES     (1LL << 40)        /* a file that is a target; 1 TiB */
#define CUSTOM_MAX_BYTES          (64 * 1024)        /* JSON that is signed with one target */
#define COSIGNATURE_MAX_BYTES     (64 * 1024 * 1024) /* a file of cosignatures: as a frame */
#define PUBLISH_WORKERS           8                  /* repositories published at once */
#define PUBLISH_LINES_MAX_BYTES   (64 * 1024 * 1024) /* what 1,024 roles can have to say */
#define ROOT_CHAIN_MAX            1024               /* roots walked in one update */
#define PUBLISH_CONFLICTS_MAX     8                  /* VERSION answers in one publication */
#define PUBLISH_DEADLINE_S        120                /* one publication, conflicts included */

/* The Docker Engine, as a source of images */
#define ENGINE_CONTEXT_MAX_BYTES (64 * 1024)       /* of docker's context; the usual is 200 bytes */
#define ENGINE_ANSWER_MAX_BYTES  (4 * 1024 * 1024) /* on an image, with all its labels */
#define ENGINE_LOGIN_MAX_BYTES   (128 * 1024)      /* a secret, as JSON in base64 */
#define ENGINE_LAYERS_MAX        4096              /* lines of progress: images have up to 127 */
#define ENGINE_IDLE_TIMEOUT_S    300 /* it is silent while a registry looks at a layer */
