import { Inject, Injectable } from '@nestjs/common';
import { OutboundHttp } from '@past-tense/outbound';
import { SETTINGS } from '@past-tense/service';
import { z } from 'zod';
import type { Address, CarrierAnswer } from '../domain/shipment';
import type { ShippingSettings } from '../shipping.config';

const accepted = z.object({ trackingNumber: z.string() });

/** The carrier's HTTP API. Every call carries a key of ours, so that asking twice sends one parcel. */
@Injectable()
export class Carrier {
  readonly #http: OutboundHttp;

  constructor(@Inject(SETTINGS) settings: ShippingSettings) {
    this.#http = new OutboundHttp({ name: 'the carrier', baseUrl: settings.CARRIER_URL, timeoutMs: settings.CARRIER_TIMEOUT_MS });
  }

  /**
   * Hands a parcel over.
   * @throws UnavailableError if the carrier gave no answer; Error if its answer makes no sense
   */
  async handOver(idempotencyKey: string, parcel: { orderId: string; address: Address }): Promise<CarrierAnswer> {
    const { status, body } = await this.#http.post('/carrier/parcels', idempotencyKey, parcel);
    if (status === 422) return { accepted: false };
    if (status !== 201) throw new Error(`The carrier answered with ${status}.`);
    return { accepted: true, trackingNumber: accepted.parse(body).trackingNumber };
  }
}
