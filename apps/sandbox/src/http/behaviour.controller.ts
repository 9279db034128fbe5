import { Controller, Get, Param, Put } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { OpenToAll } from '@past-tense/auth';
import { Accepts, Answers, Problem, Problems, ValidBody } from '@past-tense/service';
import { z } from 'zod';
import { OUTSIDE } from './outside';
import { Behaviours, failures, parties, type Behaviour, type Party } from '../behaviour/behaviours';

const behaviour = z.strictObject({
  latencyMs: z.int().min(0).max(60_000).default(0),
  failure: z.enum(failures).default('none'),
});

@ApiTags('behaviour')
@OpenToAll(OUTSIDE)
@Controller('behaviour')
export class BehaviourController {
  constructor(private readonly behaviours: Behaviours) {}

  @Get(':party')
  @ApiOperation({ summary: 'See how a party behaves' })
  @ApiParam({ name: 'party', enum: parties })
  @Answers(200, 'How it behaves.', behaviour)
  @Problems({ 404: 'There is no such party.' })
  get(@Param('party') party: string): Behaviour {
    return this.behaviours.of(known(party));
  }

  @Put(':party')
  @ApiOperation({ summary: 'Tell a party how to behave' })
  @ApiParam({ name: 'party', enum: parties })
  @Accepts(behaviour)
  @Answers(200, 'How it behaves from now on.', behaviour)
  @Problems({ 400: 'There is no such behaviour.', 404: 'There is no such party.' })
  set(@Param('party') party: string, @ValidBody(behaviour) wanted: Behaviour): Behaviour {
    this.behaviours.set(known(party), wanted);
    return wanted;
  }
}

function known(party: string): Party {
  if ((parties as readonly string[]).includes(party)) return party as Party;
  throw new Problem(404, 'unknown-party', 'Unknown party', `There is no party "${party}"; there are ${parties.join(' and ')}.`);
}
