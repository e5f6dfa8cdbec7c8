/* The warden, which visits a sandbox's network namespace for this and comes back, and a trial of the probe.
 * Whoever is root in that namespace can undo all of it, and reaches nothing by that: what leaves the machine
 * is what tsfnd connects. */
#include "egress.h"
#include "fds.h"
#include "netlink.h"
#include "warden.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of the loopback device in every network namespace. */
#define LOOPBACK_INDEX 1
/* Both below 1024, so that no function can listen there; runtime/layers/system-files.ts names the other. */
#define CONNECTIONS_PORT 1
#define NAMES_PORT 53
#define NAMES_ADDRESS 0x7f000035 /* 127.0.0.53 */
#define BACKLOG 256

/* --- routes ------------------------------------------------------------------------------------------------
 */

/* Everything is local, and comes from the loopback address. */
static void put_route(struct netlink *n, const char *what, uint8_t family, const void *from, size_t size) {
    const struct rtmsg head = {.rtm_family = family,
                               .rtm_table = RT_TABLE_MAIN,
                               .rtm_protocol = RTPROT_STATIC,
                               .rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE,
                               .rtm_type = RTN_LOCAL};
    netlink_begin(n, what, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof head);
    netlink_put_u32(n, RTA_OIF, LOOPBACK_INDEX);
    netlink_put(n, RTA_PREFSRC, from, size);
}

static int add_routes(bool has_ipv6, struct failure *f) {
    struct netlink n = {0};
    const struct in_addr from = {.s_addr = htonl(INADDR_LOOPBACK)};
    put_route(&n, "a route to every IPv4 address", AF_INET, &from, sizeof from);
    if (has_ipv6)
        put_route(&n, "a route to every IPv6 address", AF_INET6, &in6addr_loopback, sizeof in6addr_loopback);
    return netlink_send(&n, NETLINK_ROUTE, f);
}

/* --- nftables ----------------------------------------------------------------------------------------------
 */

#define TABLE "tsfn"
#define CHAIN "egress"

static void begin(struct netlink *n, const char *what, uint16_t message, uint16_t flags) {
    const struct nfgenmsg head = {.nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0};
    netlink_begin(n, what, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message), (uint16_t)(NLM_F_CREATE | flags),
                  &head, sizeof head);
}

static void put_bound(struct netlink *n, uint16_t type) {
    const struct nfgenmsg head = {
        .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};
    netlink_begin(n, NULL, type, 0, &head, sizeof head);
}

static void put_chain(struct netlink *n) {
    begin(n, "nftables (CONFIG_NF_TABLES_INET)", NFT_MSG_NEWTABLE, NLM_F_EXCL);
    netlink_put_string(n, NFTA_TABLE_NAME, TABLE);
    begin(n, "a chain of nftables", NFT_MSG_NEWCHAIN, NLM_F_EXCL);
    netlink_put_string(n, NFTA_CHAIN_TABLE, TABLE);
    netlink_put_string(n, NFTA_CHAIN_NAME, CHAIN);
    netlink_put_string(n, NFTA_CHAIN_TYPE, "filter");
    size_t hook = netlink_enter(n, NFTA_CHAIN_HOOK);
    netlink_put_be32(n, NFTA_HOOK_HOOKNUM, NF_INET_PRE_ROUTING);
    netlink_put_be32(n, NFTA_HOOK_PRIORITY, (uint32_t)NF_IP_PRI_MANGLE);
    netlink_leave(n, hook);
}

struct nest {
    size_t element, data;
};

static struct nest enter_expression(struct netlink *n, const char *name) {
    struct nest nest = {.element = netlink_enter(n, NFTA_LIST_ELEM)};
    netlink_put_string(n, NFTA_EXPR_NAME, name);
    nest.data = netlink_enter(n, NFTA_EXPR_DATA);
    return nest;
}

static void leave_expression(struct netlink *n, struct nest nest) {
    netlink_leave(n, nest.data);
    netlink_leave(n, nest.element);
}

static void put_value(struct netlink *n, uint16_t type, const void *value, size_t size) {
    size_t at = netlink_enter(n, type);
    netlink_put(n, NFTA_DATA_VALUE, value, size);
    netlink_leave(n, at);
}

static void put_compare(struct netlink *n, const void *value, size_t size) {
    struct nest nest = enter_expression(n, "cmp");
    netlink_put_be32(n, NFTA_CMP_SREG, NFT_REG_1);
    netlink_put_be32(n, NFTA_CMP_OP, NFT_CMP_EQ);
    put_value(n, NFTA_CMP_DATA, value, size);
    leave_expression(n, nest);
}

static void put_meta_is(struct netlink *n, uint32_t key, uint8_t value) {
    struct nest nest = enter_expression(n, "meta");
    netlink_put_be32(n, NFTA_META_DREG, NFT_REG_1);
    netlink_put_be32(n, NFTA_META_KEY, key);
    leave_expression(n, nest);
    put_compare(n, &value, sizeof value);
}

static void put_header_is(struct netlink *n, uint32_t offset, const void *value, uint32_t size) {
    struct nest nest = enter_expression(n, "payload");
    netlink_put_be32(n, NFTA_PAYLOAD_DREG, NFT_REG_1);
    netlink_put_be32(n, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
    netlink_put_be32(n, NFTA_PAYLOAD_OFFSET, offset);
    netlink_put_be32(n, NFTA_PAYLOAD_LEN, size);
    leave_expression(n, nest);
    put_compare(n, value, size);
}

static void put_accept(struct netlink *n) {
    struct nest nest = enter_expression(n, "immediate");
    netlink_put_be32(n, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    size_t data = netlink_enter(n, NFTA_IMMEDIATE_DATA);
    size_t verdict = netlink_enter(n, NFTA_DATA_VERDICT);
    netlink_put_be32(n, NFTA_VERDICT_CODE, NF_ACCEPT);
    netlink_leave(n, verdict);
    netlink_leave(n, data);
    leave_expression(n, nest);
}

static void put_turn(struct netlink *n, uint16_t port) {
    uint16_t wanted = htons(port);
    struct nest nest = enter_expression(n, "immediate");
    netlink_put_be32(n, NFTA_IMMEDIATE_DREG, NFT_REG_1);
    put_value(n, NFTA_IMMEDIATE_DATA, &wanted, sizeof wanted);
    leave_expression(n, nest);
    nest = enter_expression(n, "tproxy");
    netlink_put_be32(n, NFTA_TPROXY_FAMILY, NFPROTO_UNSPEC);
    netlink_put_be32(n, NFTA_TPROXY_REG_PORT, NFT_REG_1);
    leave_expression(n, nest);
}

static size_t begin_rule(struct netlink *n, const char *what) {
    begin(n, what, NFT_MSG_NEWRULE, NLM_F_APPEND);
    netlink_put_string(n, NFTA_RULE_TABLE, TABLE);
    netlink_put_string(n, NFTA_RULE_CHAIN, CHAIN);
    return netlink_enter(n, NFTA_RULE_EXPRESSIONS);
}

/* What nft(8) would be told:
 *   table inet tsfn { chain egress { type filter hook prerouting priority mangle;
 *     ip daddr 127.0.0.0/8 accept; ip6 daddr ::1 accept; meta l4proto tcp tproxy to :1 accept } } */
static int add_table(struct failure *f) {
    struct netlink n = {0};
    const uint8_t loopback = 127;
    put_bound(&n, NFNL_MSG_BATCH_BEGIN);
    put_chain(&n);
    size_t rule = begin_rule(&n, "a rule of nftables");
    put_meta_is(&n, NFT_META_NFPROTO, NFPROTO_IPV4);
    put_header_is(&n, 16 /* ip daddr */, &loopback, sizeof loopback);
    put_accept(&n);
    netlink_leave(&n, rule);
    rule = begin_rule(&n, "a rule of nftables");
    put_meta_is(&n, NFT_META_NFPROTO, NFPROTO_IPV6);
    put_header_is(&n, 24 /* ip6 daddr */, &in6addr_loopback, sizeof in6addr_loopback);
    put_accept(&n);
    netlink_leave(&n, rule);
    rule = begin_rule(&n, "tproxy of nftables (CONFIG_NFT_TPROXY)");
    put_meta_is(&n, NFT_META_L4PROTO, IPPROTO_TCP);
    put_turn(&n, CONNECTIONS_PORT);
    put_accept(&n);
    netlink_leave(&n, rule);
    put_bound(&n, NFNL_MSG_BATCH_END);
    return netlink_send(&n, NETLINK_NETFILTER, f);
}

/* --- sockets -----------------------------------------------------------------------------------------------
 */

static int open_connections(bool *has_ipv6, struct failure *f) {
    const struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(CONNECTIONS_PORT)};
    const struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(CONNECTIONS_PORT)};
    const int on = 1, off = 0;
    cleanup_fd int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *has_ipv6 = fd >= 0;
    if (!*has_ipv6 && errno == EAFNOSUPPORT)
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return fail(f, "listen for what goes out", "socket");
    if (*has_ipv6 && (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0 ||
                      setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof on) < 0))
        return fail(f, "listen for what goes out", "transparent, IPv6");
    if (setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on) < 0)
        return fail(f, "listen for what goes out", "transparent");
    if (bind(fd, *has_ipv6 ? (const struct sockaddr *)&six : (const struct sockaddr *)&four,
             *has_ipv6 ? sizeof six : sizeof four) < 0 ||
        listen(fd, BACKLOG) < 0)
        return fail(f, "listen for what goes out", "port %d", CONNECTIONS_PORT);
    int result = fd;
    fd = -1;
    return result;
}

static int open_names(int type, struct failure *f) {
    const struct sockaddr_in place = {
        .sin_family = AF_INET, .sin_port = htons(NAMES_PORT), .sin_addr = {.s_addr = htonl(NAMES_ADDRESS)}};
    cleanup_fd int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&place, sizeof place) < 0 ||
        (type == SOCK_STREAM && listen(fd, BACKLOG) < 0))
        return fail(f, "listen as a name server", "port %d", NAMES_PORT);
    int result = fd;
    fd = -1;
    return result;
}

int egress_open(struct egress *e, struct failure *f) {
    bool has_ipv6;
    *e = NO_EGRESS;
    e->connections = open_connections(&has_ipv6, f);
    if (e->connections < 0) return -1;
    e->names = open_names(SOCK_DGRAM, f);
    if (e->names < 0) return -1;
    e->name_streams = open_names(SOCK_STREAM, f);
    if (e->name_streams < 0) return -1;
    if (add_table(f) < 0) return -1;
    return add_routes(has_ipv6, f);
}

void egress_close(struct egress *e) {
    fd_close(&e->connections);
    fd_close(&e->names);
    fd_close(&e->name_streams);
}

/* --- in the warden -----------------------------------------------------------------------------------------
 */

static int check(const struct sandbox *s, struct failure *f) {
    if (s->spec.kind == PROTO_KIND_INSTANCE && s->state == PROTO_STATE_EMPTY && !s->has_network) return 0;
    errno = s->spec.kind == PROTO_KIND_INSTANCE ? EBUSY : EINVAL;
    return fail(f, "check request", "%s: wanted an instance's sandbox without a process or a network",
                s->spec.id);
}

static int open_in(int network, struct egress *e, struct failure *f) {
    cleanup_fd int home = namespaces_visit_network(network, f);
    if (home < 0) return -1;
    int result = egress_open(e, f);
    namespaces_come_home(home);
    return result;
}

void sandbox_open_network(struct warden *w, struct sandbox *s, struct owed owed) {
    struct failure f;
    cleanup_egress struct egress e = NO_EGRESS;
    int result = check(s, &f);
    if (result == 0) {
        /* What a failure leaves in the namespace goes with it: nobody gets to use half a network. */
        s->has_network = true;
        result = open_in(s->ns.fds[NAMESPACE_NET], &e, &f);
    }
    const int fds[] = {e.connections, e.names, e.name_streams};
    if (result == 0) result = control_send_fds(w, owed.request, fds, 3, &f);
    if (result < 0) return control_fail(w, owed.verb, owed.request, &f);
    control_reply(w, owed.verb, owed.request, &(struct writer){0});
}
