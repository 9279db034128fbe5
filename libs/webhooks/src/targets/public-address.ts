import ipaddr from 'ipaddr.js';

// All that is allocated as global unicast lies in here (https://www.iana.org/assignments/ipv6-address-space); what embeds IPv4 addresses
// in other ways (::a.b.c.d, NAT64 64:ff9b::/96) does not.
const IPV6_GLOBAL_UNICAST: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];
// What a cloud answers at for its own machines, although the address is allocated as public and no range tells it apart: Azure's platform
// (https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16). The others use link-local, unique local, shared
// or reserved addresses.
const PLATFORM_NETWORKS = ['168.63.129.16/32'];

/**
 * Whether an address can be reached from everywhere and belongs to one host: not private, local, reserved, multicast, a cloud's platform or a
 * tunnel to such.
 */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast' || isIn(PLATFORM_NETWORKS, address)) return false;
  return !(parsed instanceof ipaddr.IPv6) || parsed.match(IPV6_GLOBAL_UNICAST);
}

/**
 * Whether an address lies in one of the networks. An IPv4 address that is written as IPv6 counts as what it is.
 * @param networks in CIDR notation
 */
export function isIn(networks: readonly string[], address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return networks.some((network) => {
    const [base, bits] = ipaddr.parseCIDR(network);
    return base.kind() === parsed.kind() && parsed.match(base, bits);
  });
}
