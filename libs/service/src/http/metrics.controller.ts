import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { OpenToAll } from '@past-tense/auth';
import type { Telemetry } from '@past-tense/telemetry';
import type { Request, Response } from 'express';

export const TELEMETRY = Symbol('telemetry');

@ApiExcludeController()
@OpenToAll("Figures of the process, without anybody's data; the network decides who reaches them.")
@Controller('metrics')
export class MetricsController {
  constructor(@Inject(TELEMETRY) private readonly telemetry: Pick<Telemetry, 'serveMetrics'>) {}

  /** The figures of this process, for Prometheus. */
  @Get()
  metrics(@Req() request: Request, @Res() response: Response): void {
    this.telemetry.serveMetrics(request, response);
  }
}
