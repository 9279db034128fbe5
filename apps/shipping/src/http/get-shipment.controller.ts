import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Allow } from '@past-tense/auth';
import { Answers, Problem, Problems, UuidParam, UuidPath } from '@past-tense/service';
import { z } from 'zod';
import { shipmentStatuses } from '../domain/shipment';
import { ShipmentRepository } from '../storage/shipment.repository';

const shipmentView = z.object({
  shipmentId: z.uuid(),
  orderId: z.uuid(),
  status: z.enum(shipmentStatuses),
  trackingNumber: z.string().optional(),
});

@ApiTags('shipments')
@Controller('shipments')
@Allow('shipments:read')
export class GetShipmentController {
  constructor(private readonly shipments: ShipmentRepository) {}

  @Get(':shipmentId')
  @ApiOperation({ summary: 'See a shipment' })
  @UuidPath('shipmentId', 'The shipment.')
  @Answers(200, 'The shipment as it is now.', shipmentView)
  @Problems({ 400: 'The id is not a UUID.', 404: 'There is no such shipment.' })
  async get(@UuidParam('shipmentId') shipmentId: string): Promise<z.infer<typeof shipmentView>> {
    const shipment = await this.shipments.find(shipmentId);
    if (!shipment) throw new Problem(404, 'shipment-not-found', 'Shipment not found', `There is no shipment ${shipmentId}.`);
    const { orderId, status, trackingNumber } = shipment;
    return { shipmentId, orderId, status, trackingNumber };
  }
}
